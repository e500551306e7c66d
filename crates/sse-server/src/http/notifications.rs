//! `GET /notifications/events` and `POST /notifications`. The page at the same path belongs to `pages`; which
//! notifications a reader wants to see is the reader's business.

mod form;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};

use super::error::Problem;
use super::opening::{PARAMETERS, connected, open};
use super::publish::{self, KEY_PARAMETER, Stored};
use super::query::Query;
use super::{Worker, body};
use crate::log::Draft;
use crate::selectors::Selectors;
use crate::source::notification;

pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &PARAMETERS)?;
    let greeting = connected("Connected to notifications");
    open(&request, &query, Selectors::exactly(notification::topic()), greeting)
}

pub(super) async fn send(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[KEY_PARAMETER])?;
    let key = publish::key_of_path(&request, &query)?;
    let text = body::text(&request, payload, "a notification", form::MAX_BYTES).await?;
    let notification = form::read(&text)?;
    let draft = Draft { topic: notification::topic(), event: notification::event(&notification) };
    let hub = Worker::of(&request).hub();
    let appended = publish::append(hub, vec![draft], key).await?;
    Ok(HttpResponse::Ok().json(Stored::new(hub, &appended)))
}
