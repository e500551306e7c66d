//! Ticker: prices by symbol, from a market that is made up, from a file that is played back, or posted by anybody.

mod board;
mod market;
mod price;
mod publisher;
mod quotes;
mod recording;
mod routes;
mod simulation;
mod symbol;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use sse_hub::{Policy, Retention};

use super::application::{Application, Running};
use crate::http::Page;
use market::Market;
use publisher::Ticker;

const RETENTION: Retention = Retention { count: Some(300), age: None, bytes: None };

pub(super) const APPLICATION: Application = Application {
    name: "ticker",
    // With a last value, so that there is a price to show before the next tick.
    policies: &[("ticker/*", Policy { last_value: true, ..Policy::in_memory(RETENTION) })],
    pages: &[Page { path: "/ticker", file: "ticker.html", title: "Ticker" }],
    streams: &["/ticker/events"],
    endpoints: routes::endpoints,
    openapi: include_str!("openapi.json"),
    flags: <Flags as clap::Args>::augment_args,
    section: None,
    start: |mut launch| {
        Box::pin(async move {
            let ticker = Ticker::new(launch.hub.clone());
            if let Some(market) = launch.flags::<Flags>()?.market()? {
                launch.spawn(ticker.clone().trade(market));
            }
            Ok(Running::with(ticker))
        })
    },
};

#[derive(clap::Args)]
#[group(skip)]
struct Flags {
    /// Source of prices besides posted quotes.
    #[arg(long, env = "SSE_TICKER", value_name = "MARKET", default_value = "simulated")]
    ticker: Prices,

    /// Seed of the simulated market: the same number gives the same prices, with the same version of this program.
    /// Default: a new seed at each start.
    #[arg(long, env = "SSE_TICKER_SEED", value_name = "N")]
    ticker_seed: Option<u64>,

    /// Recorded quotes to play back at their own pace instead of the simulated market: CSV with the columns
    /// time,symbol,price; see docs/settings.md.
    #[arg(long, env = "SSE_TICKER_FEED", value_name = "FILE", conflicts_with_all = ["ticker", "ticker_seed"])]
    ticker_feed: Option<PathBuf>,
}

/// The server's own prices.
#[derive(Clone, Copy, ValueEnum)]
enum Prices {
    /// Invented companies with random prices.
    Simulated,
    /// Posted quotes only.
    Off,
}

impl Flags {
    /// What is traded, if anything.
    fn market(self) -> anyhow::Result<Option<Market>> {
        if let Some(file) = self.ticker_feed {
            let unusable = || format!("cannot play the quotes in {} (--ticker-feed)", file.display());
            return recording::market(&file).map(Some).with_context(unusable);
        }
        let seed = || self.ticker_seed.unwrap_or_else(|| fastrand::u64(..));
        Ok(match self.ticker {
            Prices::Simulated => Some(simulation::market(seed())),
            Prices::Off => None,
        })
    }
}
