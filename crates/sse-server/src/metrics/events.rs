//! Metrics of events: published and delivered by the patterns of the policies, how fast, how far behind.

use std::fmt;

use sse_hub::{Figures, PatternFigures, PatternName};

use super::exposition::{BYTES, Exposition, SECONDS};

pub(super) fn write(to: &mut Exposition<'_>, figures: &Figures) -> fmt::Result {
    let by_pattern = |value: fn(&PatternFigures) -> u64| {
        let of_pattern =
            move |(name, figures): &(PatternName, _)| ([("pattern", label(name))], value(figures));
        figures.patterns.iter().map(of_pattern)
    };
    let subscribers = by_pattern(|figures| figures.subscribers);
    to.gauges(("subscribers", None, "Subscriptions, long-polls that wait among them"), subscribers)?;
    // Nothing is published to several patterns at once.
    let published = |value: fn(&PatternFigures) -> u64| by_pattern(value).take(figures.patterns.len() - 1);
    let events = published(|figures| figures.published.events);
    to.counters(("published_events", None, "Events that were stored"), events)?;
    let bytes = published(|figures| figures.published.bytes);
    to.counters(("published", BYTES, "Bytes of events that were stored, as they are sent"), bytes)?;
    let events = published(|figures| figures.delivered.events);
    to.counters(("delivered_events", None, "Events that were given to subscribers"), events)?;
    let bytes = published(|figures| figures.delivered.bytes);
    to.counters(("delivered", BYTES, "Bytes of events that were given to subscribers"), bytes)?;
    let help = "Time from a publish request to the write to a subscriber, one sample a delivery pass";
    to.histogram(("publish_to_write", SECONDS, help), &figures.delivery_delays)?;
    to.histogram(("delivery_events", None, "Events in a delivery"), &figures.delivery_sizes)?;
    to.gauge(("lag_events", None, "Events that the slowest subscriber is behind"), figures.lag)
}

/// Parentheses are in no topic.
fn label(name: &PatternName) -> String {
    match name {
        PatternName::Pattern(pattern) => pattern.to_string(),
        PatternName::Default => "(default)".into(),
        PatternName::Several => "(several)".into(),
    }
}
