//! Long answers that a client has not read to the end: one address can have so many, since each holds memory.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceResponse};
use bytes::Bytes;

use super::app_state::AppState;
use super::problem_details::Problem;
use crate::client_limits::{ClientLimits, Slot};

/// Shorter answers are written at once.
const SHORT_BYTES: u64 = 16 << 10;
const RETRY_AFTER_SECONDS: u64 = 5;

/// Those of the client that has sent a request.
pub(super) struct UnreadAnswers {
    clients: ClientLimits,
    client: IpAddr,
}

/// An answer that counts until it is written, or its connection ends.
struct Counted {
    body: BoxBody,
    _slot: Slot,
}

impl UnreadAnswers {
    /// `None` for a program on this machine.
    pub(super) fn of(state: &AppState, head: &RequestHead) -> Option<Self> {
        let client = state.clients.client(head)?;
        Some(Self { clients: state.clients.clone(), client })
    }

    /// Counts this answer, or puts a refusal in its place.
    pub(super) fn count(self, answer: ServiceResponse) -> ServiceResponse {
        if matches!(answer.response().body().size(), BodySize::None | BodySize::Sized(..=SHORT_BYTES)) {
            return answer;
        }
        match self.clients.answer(self.client) {
            Some(slot) => answer.map_body(|_, body| BoxBody::new(Counted { body, _slot: slot })),
            None => {
                let detail = "this address has too many unread answers; read them first";
                answer.into_response(HttpResponse::from_error(Problem::too_many(detail, RETRY_AFTER_SECONDS)))
            }
        }
    }
}

impl MessageBody for Counted {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
