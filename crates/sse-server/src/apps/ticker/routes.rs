//! `/ticker/…`: the event stream of prices, quotes from outside, and the list of symbols. Picks the statuses of refusals.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::Selector;
use sse_hub::Selectors;

use super::board::Listing;
use super::publisher::{QuoteError, Ticker};
use super::quotes;
use super::symbol::Symbol;
use crate::auth::Access;
use crate::http::{
    AppState, Endpoint, EventStream, GET, PARAMETERS, POST, Problem, Query, READ, batch_stored, connected,
    is_batch, json_of_now, read_text, subscribe,
};

/// Parameter that names a symbol; can be there more than once.
const SYMBOL: &str = "symbol";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new("/ticker/events").on(GET, events),
        Endpoint::new("/ticker/quotes").on(POST, post_quotes),
        Endpoint::new("/ticker/symbols").on(READ, symbols),
    ]
}

#[derive(Serialize)]
struct SymbolList {
    symbols: Vec<Listing>,
}

/// `GET /ticker/events`: the prices of these symbols, or of all.
async fn events(request: HttpRequest, access: Access) -> Result<EventStream, Problem> {
    let query = Query::read_repeatable(&request, &[&[SYMBOL], &PARAMETERS[..]].concat(), SYMBOL)?;
    let selectors = selectors(&query)?;
    subscribe(&request, &access, &query, selectors, connected("Connected to the ticker")).await
}

fn selectors(query: &Query) -> Result<Selectors, Problem> {
    let selector = |text: &str| {
        let symbol = Symbol::new(text).map_err(|error| Problem::bad_request(format!("symbol: {error}")))?;
        Ok(Selector::Exact(symbol.topic()))
    };
    let selectors: Vec<Selector> = query.all(SYMBOL).map(selector).collect::<Result<_, Problem>>()?;
    match selectors.is_empty() {
        true => Ok(Selectors::below(Symbol::all_topics())),
        false => Selectors::new(selectors).map_err(Problem::bad_request),
    }
}

/// `POST /ticker/quotes`: prices from any outside feed.
async fn post_quotes(
    request: HttpRequest,
    access: Access,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    access.check_publishes()?;
    Query::read(&request, &[])?;
    let text = read_text(&request, &access, payload, "a batch of quotes", quotes::MAX_BYTES).await?;
    let quotes = match is_batch(&request) {
        true => quotes::lines(&text)?,
        false => quotes::json(&text)?,
    };
    quotes.iter().try_for_each(|quote| access.check_publish(&quote.symbol.topic()))?;
    let receipt = ticker(&request).post(&quotes).await.inspect_err(|error| {
        tracing::warn!(count = quotes.len(), %error, "quotes not taken");
    })?;
    Ok(batch_stored(AppState::of(&request).hub(), receipt))
}

/// `GET /ticker/symbols`: what is quoted, and by whom.
async fn symbols(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    access.narrow(&Selectors::below(Symbol::all_topics()))?;
    let mut symbols = ticker(&request).listings();
    symbols.retain(|listing| access.may_subscribe(&listing.symbol.topic()));
    Ok(json_of_now(SymbolList { symbols }))
}

fn ticker(request: &HttpRequest) -> &Ticker {
    request.app_data().expect("the application adds it to every worker")
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Full(full) => Self::conflict(full),
            QuoteError::Append(error) => error.into(),
        }
    }
}
