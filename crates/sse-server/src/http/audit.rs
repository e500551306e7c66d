//! The audit log: who did something that is for operators, and who tried. Lines of the target `audit`, which `--log` does not leave out.

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceResponse;

use super::endpoint::is_for_operators;
use super::request_id::RequestId;
use crate::auth::Access;

const TARGET: &str = "audit";

/// Writes a line for what acted, and for what was refused; the latter once a minute at most, since anybody can be.
pub(super) fn audit(answer: &ServiceResponse) {
    let (request, status) = (answer.request(), answer.status().as_u16());
    let (path, is_refused) = (request.path(), matches!(status, 401 | 403 | 421 | 429));
    if !is_for_operators(path) || (request.method().is_safe() && !is_refused) {
        return;
    }
    let (method, request_id) = (request.method(), RequestId::of(request));
    // Who asks over a Unix socket has none.
    let address = request.peer_addr().map(|peer| tracing::field::display(peer.ip()));
    let extensions = request.extensions();
    let subject = extensions.get::<Access>().and_then(Access::subject);
    if is_refused {
        tracing::warn!(target: TARGET, %request_id, address, subject, %method, ?path, status, "admin action refused");
    } else {
        tracing::info!(target: TARGET, %request_id, address, subject, %method, ?path, status, "admin action");
    }
}
