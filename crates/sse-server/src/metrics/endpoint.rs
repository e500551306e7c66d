//! The path, and who may read it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use sse_hub::{Counters, Figures};
use tokio::time::timeout;

use super::exposition::Exposition;
use super::process::{ProcessFigures, write_build};
use super::{connections, events, log, refusals};
use crate::auth::Access;
use crate::http::{AppState, Endpoint, Problem, Query, READ};

/// Prefix of all names but those of the process.
const PREFIX: &str = "sse";
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long workers may take to say what they have done. Below the 10 s that Prometheus waits.
const WORKER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the server has done.
#[derive(Debug)]
struct ServerMetrics {
    figures: Figures,
    counters: Arc<Counters>,
    refused_tokens: Vec<(&'static str, u64)>,
}

#[derive(Debug)]
struct ProcessMetrics(ProcessFigures);

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new("/metrics").on(READ, scrape)]
}

async fn scrape(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    let state = AppState::of(&request);
    state.check_operator(&request, &access)?;
    Query::read(&request, &[])?;
    let slow = |_| Problem::busy("a worker does not answer; try again later");
    let figures = timeout(WORKER_TIMEOUT, state.hub().figures()).await.map_err(slow)?;
    let process = web::block(ProcessFigures::read).await.unwrap_or_default();
    let counters = Arc::clone(state.hub().counters());
    let metrics = ServerMetrics { figures, counters, refused_tokens: state.auth.refused_tokens().into() };
    let text = text(metrics, process).expect("text can be written to a string");
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type(CONTENT_TYPE).body(text))
}

fn text(metrics: ServerMetrics, process: ProcessFigures) -> Result<String, fmt::Error> {
    let (mut of_server, mut of_process) = (Registry::with_prefix(PREFIX), Registry::default());
    of_server.register_collector(Box::new(metrics));
    of_process.register_collector(Box::new(ProcessMetrics(process)));
    let mut text = String::with_capacity(16 << 10);
    encode_registry(&mut text, &of_server)?;
    encode_registry(&mut text, &of_process)?;
    encode_eof(&mut text)?;
    Ok(text)
}

impl Collector for ServerMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut Exposition::new(encoder);
        connections::write(to, &self.counters)?;
        events::write(to, &self.figures)?;
        log::write(to, &self.figures.log)?;
        refusals::write(to, &self.counters, &self.refused_tokens)?;
        write_build(to)
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.write(&mut Exposition::new(encoder))
    }
}
