//! What takes quotes from anywhere and publishes them. Knows no HTTP.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sse_hub::{AppendError, AppendReceipt, Batch, Hub, InterestWatch};
use tokio::time::{Instant, sleep_until};

use super::board::{Board, BoardFull, Listing, Quote, Source};
use super::market::{Market, MarketTick, Steps};
use super::symbol::Symbol;

/// How far a market may be behind before it lets the time go instead of hurrying after it.
const MAX_LAG: Duration = Duration::from_secs(1);

/// Shared by all workers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ticker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    board: Mutex<Board>,
}

/// Why quotes were not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum QuoteError {
    #[error(transparent)]
    Full(#[from] BoardFull),
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Ticker {
    pub(super) fn new(hub: Hub) -> Self {
        Self(Arc::new(Inner { hub, board: Mutex::default() }))
    }

    /// Publishes quotes from outside, all or none.
    pub(super) async fn post(&self, quotes: &[Quote]) -> Result<AppendReceipt, QuoteError> {
        self.publish(Source::Posted, quotes).await.map(|receipt| receipt.expect("what is posted is taken"))
    }

    pub(super) fn listings(&self) -> Vec<Listing> {
        self.0.board.lock().listings()
    }

    /// `None` when nothing was left to publish, because others quote these symbols.
    async fn publish(&self, source: Source, quotes: &[Quote]) -> Result<Option<AppendReceipt>, QuoteError> {
        let drafts = self.0.board.lock().take(source, quotes)?;
        if drafts.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.0.hub.append(Batch::new(drafts, None)).await?))
    }

    /// Lists the symbols of the market at once. The future publishes its quotes while somebody has subscribed to the ticker
    /// by name.
    pub(super) fn trade(self, market: Market) -> impl Future<Output = ()> {
        // Not in the task, which may have its first turn only after the first subscriber came.
        let interest = self.0.hub.watch_interest(Symbol::all_topics());
        let Market { source, symbols, steps } = market;
        for (symbol, name) in symbols {
            self.0.board.lock().list(symbol, name, source);
        }
        trade(self, source, steps, interest)
    }
}

/// The market stands still while nobody watches, and goes on where it stopped.
async fn trade(ticker: Ticker, source: Source, mut steps: Steps, mut interest: InterestWatch) {
    let Some(mut step) = steps.next() else { return };
    loop {
        interest.wanted().await;
        let mut due = Instant::now() + step.wait;
        loop {
            sleep_until(due).await;
            if !interest.is_wanted() {
                step.wait = Duration::ZERO;
                break;
            }
            if let Err(error) = ticker.publish(source, &quotes(step.ticks)).await {
                tracing::warn!(%error, "quotes were not published");
            }
            let Some(next) = steps.next() else { return };
            step = next;
            due = (due + step.wait).max(Instant::now() - MAX_LAG);
        }
    }
}

fn quotes(ticks: Vec<MarketTick>) -> Vec<Quote> {
    let now = Timestamp::now();
    let quote = |MarketTick { symbol, price, age, recorded }| {
        let time = now.checked_sub(age).unwrap_or(now);
        Quote { symbol, price, time, recorded }
    };
    ticks.into_iter().map(quote).collect()
}
