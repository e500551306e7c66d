//! `/ticker/…`: the stream of prices, quotes from outside, and the list of symbols.

mod quotes;

pub(super) use quotes::{Field, QuotesError};

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::Selector;

use super::error::Problem;
use super::opening::{PARAMETERS, connected, open};
use super::publish::{BatchStored, is_batch};
use super::query::{Query, SYMBOL};
use super::{Worker, body};
use crate::selectors::Selectors;
use crate::source::ticker::{self, Listing, Symbol};

#[derive(Serialize)]
struct SymbolList {
    symbols: Vec<Listing>,
}

/// `GET /ticker/events`: the prices of these symbols, or of all.
pub(super) async fn stream(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &[&[SYMBOL], &PARAMETERS[..]].concat())?;
    let selectors = selectors(&query)?;
    open(&request, &query, selectors, connected("Connected to the ticker"))
}

fn selectors(query: &Query) -> Result<Selectors, Problem> {
    let selector = |text: &str| {
        let symbol = Symbol::new(text).map_err(|error| Problem::bad_request(format!("symbol: {error}")))?;
        Ok(Selector::Exact(symbol.topic()))
    };
    let selectors: Vec<Selector> = query.all(SYMBOL).map(selector).collect::<Result<_, Problem>>()?;
    match selectors.is_empty() {
        true => Ok(Selectors::below(ticker::topics())),
        false => Selectors::new(selectors).map_err(Problem::bad_request),
    }
}

/// `POST /ticker/quotes`: prices from any outside feed.
pub(super) async fn quotes(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let text = body::text(&request, payload, "a batch of quotes", quotes::MAX_BYTES).await?;
    let quotes = match is_batch(&request) {
        true => quotes::lines(&text)?,
        false => quotes::json(&text)?,
    };
    let worker = Worker::of(&request);
    let appended = worker.ticker.post(&quotes).await.inspect_err(|error| {
        tracing::warn!(count = quotes.len(), %error, "quotes not taken");
    })?;
    Ok(HttpResponse::Ok().json(BatchStored::new(worker.hub(), &appended)))
}

/// `GET /ticker/symbols`: what is quoted, and by whom.
pub(super) async fn symbols(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let symbols = Worker::of(&request).ticker.listings();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(SymbolList { symbols }))
}
