//! The audit log: who did something that is for operators, and who tried. Lines of the target `audit`, which `--log` does not leave out.

use actix_web::HttpMessage as _;
use actix_web::dev::ServiceResponse;

use super::app_state::AppState;
use super::endpoint::is_for_operators;
use super::request_id::RequestId;
use crate::auth::Access;

const TARGET: &str = "audit";

/// Longest part of a path that is written of what was refused.
const PATH_CHARS: usize = 100;

/// Writes a line for what acted, and for what did not; the latter once a minute at most, since anybody can be refused.
pub(super) fn audit(answer: &ServiceResponse) {
    let (request, status) = (answer.request(), answer.status());
    let path = request.match_info().as_str();
    let is_refused = !status.is_success();
    if !is_for_operators(path) || (request.method().is_safe() && !is_refused) {
        return;
    }
    let (method, request_id, status) = (request.method(), RequestId::of(request), status.as_u16());
    // Who asks over a Unix socket has none.
    let client = AppState::of(request).clients.client(request.head());
    let address = client.or(request.peer_addr().map(|peer| peer.ip())).map(tracing::field::display);
    let extensions = request.extensions();
    let subject = extensions.get::<Access>().and_then(Access::subject);
    if is_refused {
        let path: String = path.chars().take(PATH_CHARS).collect();
        tracing::warn!(target: TARGET, %request_id, address, subject, %method, ?path, status, "admin action refused");
    } else {
        tracing::info!(target: TARGET, %request_id, address, subject, %method, ?path, status, "admin action");
    }
}
