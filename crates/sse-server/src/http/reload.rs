//! `POST /admin/reload`: reads the settings again, as SIGHUP does. Knows who does it, and not how.

use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::oneshot;

use super::app_state::AppState;
use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

pub(super) async fn reload(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    let state = AppState::of(&request);
    state.check_operator(&request, &access)?;
    Query::read(&request, &[])?;
    let (reply, answer) = oneshot::channel();
    state.reloads.0.send(reply).await.map_err(|_| Problem::stopping())?;
    match answer.await.map_err(|_| Problem::stopping())? {
        Ok(reloaded) => Ok(json_of_now(reloaded)),
        Err(faults) => Err(Problem::unusable_settings(faults)),
    }
}
