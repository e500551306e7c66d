//! A market: symbols, and steps without end that move their prices. Has no clock; each step says how long to wait.

use std::time::Duration;

use jiff::Timestamp;

use super::board::Source;
use super::price::Price;
use super::symbol::Symbol;

/// Where the server's own quotes come from: symbols, and quotes without end.
pub(super) struct Market {
    pub(super) source: Source,
    /// With the names of those that are made up.
    pub(super) symbols: Vec<(Symbol, Option<&'static str>)>,
    pub(super) steps: Steps,
}

pub(super) type Steps = Box<dyn Iterator<Item = Step> + Send>;

/// What happens next on a market.
pub(super) struct Step {
    /// Time since the step before.
    pub(super) wait: Duration,
    pub(super) ticks: Vec<MarketTick>,
}

pub(super) struct MarketTick {
    pub(super) symbol: Symbol,
    pub(super) price: Price,
    /// How long ago this was, at the time of its step.
    pub(super) age: Duration,
    pub(super) recorded: Option<Timestamp>,
}
