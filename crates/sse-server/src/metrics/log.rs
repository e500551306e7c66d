//! Metrics of the log: how groups are stored, what is kept, what was removed.

use std::fmt;

use sse_hub::LogFigures;

use super::exposition::{BYTES, Exposition, SECONDS};

pub(super) fn write(to: &mut Exposition<'_>, log: &LogFigures) -> fmt::Result {
    let LogFigures { groups, topics, events, bytes_on_disk, bytes_in_memory, removed, file_bytes, .. } = log;
    let help = "Time from the first publish request of a group to its answers";
    to.histogram(("log_append", SECONDS, help), &groups.append)?;
    to.histogram(("log_fsync", SECONDS, "Time of the commit of a group, which is an fsync"), &groups.fsync)?;
    to.histogram(("log_group_events", None, "Events in a group that is stored at once"), &groups.events)?;
    let files = ["main", "write_ahead"].into_iter().zip(*file_bytes);
    let files = files.map(|(file, bytes)| ([("file", file)], bytes));
    to.gauges(("log_file", BYTES, "Size of the files of the log"), files)?;
    to.gauge(("log_topics", None, "Topics that are known"), *topics as u64)?;
    to.gauge(("log_events", None, "Events that are kept"), *events)?;
    let kept = [([("storage", "disk")], *bytes_on_disk), ([("storage", "memory")], *bytes_in_memory)];
    to.gauges(("log_kept", BYTES, "Bytes of the events that are kept"), kept)?;
    let help = "Events that retention, or the deletion of their topic, has removed";
    to.counter(("log_removed_events", None, help), *removed)
}
