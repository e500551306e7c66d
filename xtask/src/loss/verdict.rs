//! Holds the file that the CLI wrote against what was published. Pure.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use sse_core::RecordId;

use super::ledger::{EVENT_TYPE, Ledger};
use super::tail::Line;

/// The file has every event that was published exactly once, unchanged, under the id that the publisher got, in the
/// order of the hub.
///
/// # Errors
/// The first thing that is not so.
pub(super) fn check(ledger: &Ledger, lines: &[Line]) -> Result<()> {
    let mut missing = HashMap::new();
    for (id, payload) in &ledger.events {
        if let Some(other) = missing.insert(id.as_str(), *payload) {
            bail!("id {id} was answered for both {other:?} and {payload:?}");
        }
    }
    let mut last = None;
    for (number, line) in lines.iter().enumerate() {
        let what = || format!("line {} of the file, id {}", number + 1, line.id);
        ensure!(line.event == EVENT_TYPE, "{}: it has type {}", what(), line.event);
        let id: RecordId = line.id.parse().with_context(what)?;
        ensure!(last.is_none_or(|last| last < id.seq), "{}: it came after seq {}", what(), last.unwrap_or(0));
        last = Some(id.seq);
        let Some(payload) = missing.remove(line.id.as_str()) else {
            bail!("{}: nobody published it: {:?}", what(), line.data);
        };
        ensure!(line.data == payload.data(), "{}: {payload:?} has other data: {:?}", what(), line.data);
    }
    let Some((id, payload)) = missing.iter().min() else { return Ok(()) };
    bail!(
        "{} of {} events are missing, the first one is {payload:?} with id {id}",
        missing.len(),
        ledger.events.len()
    )
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Payload;
    use super::*;

    fn id(seq: u64) -> String {
        format!("00000000000a-{seq}")
    }

    fn line(seq: u64, payload: Payload) -> Line {
        Line { id: id(seq), event: EVENT_TYPE.to_owned(), data: payload.data() }
    }

    /// Three events, as published and as written.
    fn three() -> (Ledger, Vec<Line>) {
        let payloads = (0..3).map(|count| Payload { publisher: 1, count });
        let events: Vec<_> = payloads.zip(1..).map(|(payload, seq)| (id(seq), payload)).collect();
        let lines = events.iter().zip(1..).map(|((_, payload), seq)| line(seq, *payload)).collect();
        (Ledger { events, repeats: 0 }, lines)
    }

    #[test]
    fn a_whole_file_passes() {
        let (ledger, lines) = three();
        check(&ledger, &lines).unwrap();
    }

    #[test]
    fn each_fault_is_found() {
        let (ledger, lines) = three();
        let fault = |lines: &[Line]| format!("{:#}", check(&ledger, lines).unwrap_err());
        let mut changed = lines.clone();
        changed[1].data.push('x');
        let mut swapped = lines.clone();
        swapped.swap(0, 1);
        let mut foreign = lines.clone();
        foreign[2].event = "gap".to_owned();
        let strange = [&lines[..], &[line(4, Payload { publisher: 2, count: 0 })]].concat();
        for (lines, part) in [
            (&lines[1..], "1 of 3 events are missing"),
            (&lines[..2], "1 of 3 events are missing"),
            (&[&lines[..2], &lines[1..]].concat()[..], "it came after seq 2"),
            (&changed[..], "has other data"),
            (&swapped[..], "it came after seq 2"),
            (&foreign[..], "it has type gap"),
            (&strange[..], "nobody published it"),
        ] {
            assert!(fault(lines).contains(part), "{part}: {}", fault(lines));
        }
    }

    #[test]
    fn an_event_that_the_hub_stored_twice_is_found() {
        let (ledger, mut lines) = three();
        lines.push(line(4, ledger.events[2].1));
        let fault = format!("{:#}", check(&ledger, &lines).unwrap_err());
        assert!(fault.contains("nobody published it"), "{fault}");
    }
}
