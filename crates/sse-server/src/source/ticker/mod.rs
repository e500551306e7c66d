//! The ticker: prices by symbol, from a market that is made up, from a file that is played back, or from outside. Knows
//! no HTTP.

mod board;
mod feed;
mod price;
mod simulation;
mod symbol;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sse_core::Topic;
use tokio::time::{Instant, sleep_until};

use board::Board;
pub(crate) use board::{BoardFull, Listing, Quote, Source};
pub use feed::FeedError;
pub(crate) use price::Price;
pub(crate) use symbol::Symbol;

use crate::hub::{Hub, Watched};
use crate::log::{Append, AppendError, Appended};
use crate::shutdown::Shutdown;

/// The topics of the ticker are all below this one.
pub(crate) const PREFIX: &str = "ticker";

/// How far a market may be behind before it lets the time go instead of hurrying after it.
const MAX_LAG: Duration = Duration::from_secs(1);

/// What takes quotes from anywhere and publishes them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ticker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    board: Mutex<Board>,
}

/// Why quotes were not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuoteError {
    /// A symbol would be one too many.
    #[error(transparent)]
    Full(#[from] BoardFull),
    /// The log does not take them.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Where the server's own quotes come from: symbols, and quotes without end.
pub(crate) struct Market {
    source: Source,
    /// With the names of those that are made up.
    symbols: Vec<(Symbol, Option<&'static str>)>,
    steps: Steps,
}

type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// What happens next on a market.
struct Step {
    /// Time since the step before.
    wait: Duration,
    ticks: Vec<MarketTick>,
}

struct MarketTick {
    symbol: Symbol,
    price: Price,
    /// How long ago this was, at the time of its step.
    age: Duration,
    recorded: Option<Timestamp>,
}

impl Market {
    /// A made-up market. The same seed gives the same prices, with the same version of this program.
    pub(crate) fn simulated(seed: u64) -> Self {
        simulation::market(seed)
    }

    /// The quotes of a CSV file, at their own pace, again and again.
    pub(crate) fn replay(file: &std::path::Path) -> Result<Self, FeedError> {
        feed::market(file)
    }
}

/// All topics of the ticker, for selectors.
pub(crate) fn topics() -> Topic {
    Topic::new(PREFIX).expect("the name follows the grammar")
}

impl Ticker {
    pub(crate) fn new(hub: Hub) -> Self {
        Self(Arc::new(Inner { hub, board: Mutex::default() }))
    }

    /// Publishes quotes from outside, all or none.
    pub(crate) async fn post(&self, quotes: &[Quote]) -> Result<Appended, QuoteError> {
        self.publish(Source::Posted, quotes).await.map(|appended| appended.expect("what is posted is taken"))
    }

    /// Every symbol, by name.
    pub(crate) fn listings(&self) -> Vec<Listing> {
        self.with_board(|board| board.listings())
    }

    /// `None` when nothing was left to publish, because others quote these symbols.
    async fn publish(&self, source: Source, quotes: &[Quote]) -> Result<Option<Appended>, QuoteError> {
        let drafts = self.with_board(|board| board.take(source, quotes))?;
        if drafts.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.0.hub.append(Append { drafts, key: None }).await?))
    }

    fn with_board<T>(&self, act: impl FnOnce(&mut Board) -> T) -> T {
        act(&mut self.0.board.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lists the symbols of the market at once, and publishes its quotes while somebody looks at the ticker, until shutdown.
pub(crate) fn run(ticker: Ticker, market: Market, mut shutdown: Shutdown) -> impl Future<Output = ()> {
    // Not in the task, which may have its first turn only after the first reader came.
    let demand = ticker.0.hub.watch_demand_below(topics());
    let Market { source, symbols, steps } = market;
    ticker.with_board(|board| {
        symbols.into_iter().for_each(|(symbol, name)| board.list(symbol, name, source));
    });
    async move {
        tokio::select! {
            () = trade(ticker, source, steps, demand) => {}
            () = shutdown.requested() => {}
        }
    }
}

/// The market stands still while nobody looks, and goes on where it stopped.
async fn trade(ticker: Ticker, source: Source, mut steps: Steps, mut demand: Watched) {
    let Some(mut step) = steps.next() else { return };
    loop {
        demand.wanted().await;
        let mut due = Instant::now() + step.wait;
        loop {
            sleep_until(due).await;
            if !demand.is_wanted() {
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
