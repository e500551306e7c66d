//! Holds what the readers have seen against what was published. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};

use super::ledger::{Ledger, Payload};
use super::reader::Seen;

/// What was checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Events in the lists of all readers together.
    pub(super) deliveries: usize,
    /// Events that were stored though their publisher never heard so.
    pub(super) unacknowledged_seen: usize,
}

/// Every reader has seen exactly the events of its topics, in order, once: all acknowledged ones under the ids that
/// the publishers got, and the same unacknowledged ones as every other reader.
///
/// # Errors
/// The first thing that is not so.
pub(super) fn check(ledger: &Ledger, readers: &[Seen]) -> Result<Verdict> {
    let stored = stored(ledger, readers)?;
    for (number, reader) in readers.iter().enumerate() {
        check_reader(reader, &stored)
            .with_context(|| format!("reader {number} of {}", reader.selection.selectors.join(" and ")))?;
    }
    let acknowledged: HashSet<Payload> = ledger.acknowledged.iter().map(|(_, payload)| *payload).collect();
    Ok(Verdict {
        deliveries: readers.iter().map(|reader| reader.events.len()).sum(),
        unacknowledged_seen: stored.values().filter(|payload| !acknowledged.contains(payload)).count(),
    })
}

/// All events that must be stored or that somebody has seen, by seq. Each was tried, each is there once.
fn stored(ledger: &Ledger, readers: &[Seen]) -> Result<BTreeMap<u64, Payload>> {
    let tried: HashSet<Payload> = ledger.tried.iter().copied().collect();
    let mut stored = BTreeMap::new();
    let mut seqs = HashMap::new();
    for (seq, payload) in ledger.acknowledged.iter().chain(readers.iter().flat_map(|reader| &reader.events)) {
        ensure!(tried.contains(payload), "nobody published `{payload}`, which has seq {seq}");
        if let Some(other) = stored.insert(*seq, *payload).filter(|other| other != payload) {
            bail!("seq {seq} stands for both `{other}` and `{payload}`");
        }
        if let Some(other) = seqs.insert(*payload, *seq).filter(|other| other != seq) {
            bail!("`{payload}` is there twice, as seq {other} and {seq}");
        }
    }
    Ok(stored)
}

fn check_reader(reader: &Seen, stored: &BTreeMap<u64, Payload>) -> Result<()> {
    let topics = &reader.selection.topics;
    let mut wanted = stored.iter().filter(|(_, payload)| topics.contains(&payload.topic()));
    let mut last = 0;
    for (seq, payload) in &reader.events {
        ensure!(*seq > last, "`{payload}` with seq {seq} came after seq {last}");
        last = *seq;
        match wanted.next() {
            Some((wanted_seq, _)) if wanted_seq == seq => {}
            Some((wanted_seq, missing)) if wanted_seq < seq => {
                bail!(
                    "`{missing}` with seq {wanted_seq} is missing, `{payload}` with seq {seq} came instead"
                );
            }
            _ => bail!("`{payload}` with seq {seq} is not of these topics"),
        }
    }
    match wanted.next() {
        None => Ok(()),
        Some((seq, missing)) => bail!("`{missing}` with seq {seq} is missing at the end"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::Selection;
    use super::*;

    fn event(topic: usize, count: u64) -> Payload {
        Payload::Event { topic, publisher: 1, count }
    }

    /// Seqs 1 to 4 on topics 0, 1, 0, 1; the third is not acknowledged.
    fn ledger() -> Ledger {
        let tried: Vec<Payload> = (0..5).map(|count| event(count as usize % 2, count)).collect();
        let acknowledged = [(1, event(0, 0)), (2, event(1, 1)), (4, event(1, 3))].into();
        Ledger { tried, acknowledged }
    }

    fn reader(topics: &[usize], events: &[(u64, Payload)]) -> Seen {
        let selection = Selection { selectors: vec!["x".into()], topics: topics.iter().copied().collect() };
        Seen { selection, events: events.to_vec(), reconnects: 0 }
    }

    const ALL: [(u64, (usize, u64)); 4] = [(1, (0, 0)), (2, (1, 1)), (3, (0, 2)), (4, (1, 3))];

    fn all() -> Vec<(u64, Payload)> {
        ALL.iter().map(|(seq, (topic, count))| (*seq, event(*topic, *count))).collect()
    }

    fn fault(events: &[(u64, Payload)]) -> String {
        let readers = [reader(&[0, 1], &all()), reader(&[0, 1], events)];
        format!("{:#}", check(&ledger(), &readers).unwrap_err())
    }

    #[test]
    fn exact_lists_pass() {
        let readers = [
            reader(&[0, 1], &all()),
            reader(&[1], &[(2, event(1, 1)), (4, event(1, 3))]),
            reader(&[0], &[(1, event(0, 0)), (3, event(0, 2))]),
        ];
        let verdict = check(&ledger(), &readers).unwrap();
        assert_eq!(verdict, Verdict { deliveries: 8, unacknowledged_seen: 1 });
    }

    #[test]
    fn what_nobody_saw_and_nobody_acknowledged_need_not_be_there() {
        let events: Vec<_> = all().into_iter().filter(|(seq, _)| *seq != 3).collect();
        let verdict = check(&ledger(), &[reader(&[0, 1], &events)]).unwrap();
        assert_eq!(verdict, Verdict { deliveries: 3, unacknowledged_seen: 0 });
    }

    #[test]
    fn each_fault_is_found() {
        let all = all();
        let mut swapped = all.clone();
        swapped.swap(1, 2);
        let mut moved = all.clone();
        moved[3].0 = 5;
        let mut forged = all.clone();
        forged[2].1 = event(0, 99);
        let repeated = [&all[..2], &all[1..]].concat();
        for (events, part) in [
            (&all[1..], "seq 1 is missing"),
            (&all[..3], "seq 4 is missing at the end"),
            (&[all[0], all[1], all[3]], "seq 3 is missing"),
            (&swapped, "is missing"),
            (&repeated, "came after seq 2"),
            (&moved, "is there twice, as seq 4 and 5"),
            (&forged, "nobody published"),
        ] {
            assert!(fault(events).contains(part), "{part}: {}", fault(events));
        }
    }

    #[test]
    fn an_event_of_another_topic_is_found() {
        let readers = [reader(&[0, 1], &all()), reader(&[0], &all()[..2])];
        let fault = format!("{:#}", check(&ledger(), &readers).unwrap_err());
        assert!(fault.ends_with("with seq 2 is not of these topics"), "{fault}");
    }
}
