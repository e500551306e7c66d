//! Flags of `cargo xtask bench topics`: the steps and their sizes.

/// Flags of `cargo xtask bench topics`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure, in this order.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "make,restart,publish,resume,replay,events,idle"
    )]
    pub(super) steps: Vec<Step>,
    /// Topics of the large server: its limit.
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) topics: usize,
    /// Topics of the small server.
    #[arg(long, default_value_t = 100)]
    pub(super) few_topics: usize,
    /// Events before anything is measured: more than the server holds of the newest in memory.
    #[arg(long, default_value_t = 300_000)]
    pub(super) fill: usize,
    /// Rounds of the steps publish and replay; each measures both sides in turn.
    #[arg(long, default_value_t = 5)]
    pub(super) rounds: u32,
    /// Seconds for each side in each round.
    #[arg(long, default_value_t = 4.0)]
    pub(super) seconds: f64,
    /// Restarts of each kind.
    #[arg(long, default_value_t = 3)]
    pub(super) restarts: u32,
    /// Connections that publish in the step publish.
    #[arg(long, default_value_t = 8)]
    pub(super) publishers: usize,
    /// Resumes, one after the other, on each server.
    #[arg(long, default_value_t = 500)]
    pub(super) samples: usize,
    /// Clients that replay and list.
    #[arg(long, default_value_t = 20)]
    pub(super) clients: usize,
    /// Events per second meanwhile.
    #[arg(long, default_value_t = 200)]
    pub(super) rate: u32,
    /// Events of the step events.
    #[arg(long, default_value_t = 10_000_000)]
    pub(super) events: usize,
    /// Topics of the step events.
    #[arg(long, default_value_t = 100_000)]
    pub(super) event_topics: usize,
    /// Topics that come and go in each round of the step idle.
    #[arg(long, default_value_t = 100_000)]
    pub(super) idle_topics: usize,
    /// Seconds until an idle topic goes.
    #[arg(long, default_value_t = 60)]
    pub(super) idle_seconds: u64,
    /// Rounds of the step idle.
    #[arg(long, default_value_t = 5)]
    pub(super) idle_rounds: usize,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Step {
    /// Time and memory of making the topics.
    Make,
    /// Time to the first answer after a kill and after a clean stop, and memory then.
    Restart,
    /// Throughput of publishing to random topics, against a server with few.
    Publish,
    /// Latency of a resume on one topic, against a server with one.
    Resume,
    /// Latency of a publish while clients replay and list, against without them.
    Replay,
    /// A restart with many events in each topic.
    Events,
    /// Memory and disk while topics come and go by their idle time.
    Idle,
}

impl Step {
    /// Does it need the large server?
    pub(super) fn needs_topics(self) -> bool {
        !matches!(self, Self::Events | Self::Idle)
    }
}
