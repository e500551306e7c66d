//! Holds what readers received against what publishers sent. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use sse_core::{Epoch, RecordId};

use super::ledger::Ledger;
use super::payload::Payload;

/// What one reader received.
#[derive(Debug)]
pub(crate) struct Received {
    /// Names the reader in errors.
    pub(crate) reader: String,
    /// Numbers of the topics that it asked for.
    pub(crate) topics: BTreeSet<usize>,
    /// In the order in which it came.
    pub(crate) events: Vec<(RecordId, Payload)>,
}

/// What was compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    /// Events of all readers together.
    pub(crate) deliveries: usize,
    /// Events that were stored though their publisher got no answer.
    pub(crate) stored_unacknowledged: usize,
}

/// Every reader has received exactly the events of its topics, in order, once: all acknowledged ones under the ids that
/// the publishers got, and the same unacknowledged ones as every other reader.
///
/// # Errors
/// The first violation.
pub(crate) fn audit(ledger: &Ledger, readers: &[Received]) -> Result<Audit> {
    let stored = stored(ledger, readers)?;
    for reader in readers {
        check_reader(reader, &stored).with_context(|| reader.reader.clone())?;
    }
    let acknowledged: HashSet<Payload> = ledger.acknowledged.iter().map(|(_, payload)| *payload).collect();
    Ok(Audit {
        deliveries: readers.iter().map(|reader| reader.events.len()).sum(),
        stored_unacknowledged: stored.values().filter(|payload| !acknowledged.contains(payload)).count(),
    })
}

/// All events that were acknowledged or received, by seq. Each was sent, and each is there once, under one id. An epoch ends
/// where the next begins.
fn stored(ledger: &Ledger, readers: &[Received]) -> Result<BTreeMap<u64, Payload>> {
    let sent: HashSet<Payload> = ledger.sent.iter().copied().collect();
    ensure!(!ledger.acknowledged.is_empty(), "nothing was acknowledged");
    let mut epochs = BTreeMap::new();
    let mut stored = BTreeMap::new();
    let mut seqs = HashMap::new();
    let received = readers.iter().flat_map(|reader| &reader.events);
    for (RecordId { epoch, seq }, payload) in ledger.acknowledged.iter().chain(received) {
        ensure!(sent.contains(payload), "nobody published `{payload}`, which has seq {seq}");
        if let Some(other) = epochs.insert(*seq, *epoch).filter(|other| other != epoch) {
            bail!("`{payload}` with seq {seq} is of epoch {epoch} and of {other}");
        }
        if let Some(other) = stored.insert(*seq, *payload).filter(|other| other != payload) {
            bail!("seq {seq} stands for both `{other}` and `{payload}`");
        }
        if let Some(other) = seqs.insert(*payload, *seq).filter(|other| other != seq) {
            bail!("`{payload}` is there twice, as seq {other} and {seq}");
        }
    }
    let mut lives: Vec<Epoch> = epochs.into_values().collect();
    lives.dedup();
    let distinct: HashSet<Epoch> = lives.iter().copied().collect();
    ensure!(distinct.len() == lives.len(), "events of one epoch are between those of another");
    Ok(stored)
}

fn check_reader(reader: &Received, stored: &BTreeMap<u64, Payload>) -> Result<()> {
    let mut expected = stored.iter().filter(|(_, payload)| reader.topics.contains(&payload.topic()));
    let mut last = 0;
    for (RecordId { seq, .. }, payload) in &reader.events {
        ensure!(*seq > last, "`{payload}` with seq {seq} came after seq {last}");
        last = *seq;
        match expected.next() {
            Some((expected_seq, _)) if expected_seq == seq => {}
            Some((missing_seq, missing)) if missing_seq < seq => {
                bail!(
                    "`{missing}` with seq {missing_seq} is missing, `{payload}` with seq {seq} came instead"
                );
            }
            _ => bail!("`{payload}` with seq {seq} is not of these topics"),
        }
    }
    match expected.next() {
        None => Ok(()),
        Some((seq, missing)) => bail!("`{missing}` with seq {seq} is missing at the end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(topic: usize, count: usize) -> Payload {
        Payload::Event { topic, publisher: 1, count }
    }

    fn id(seq: u64) -> RecordId {
        RecordId { epoch: Epoch::from_bits(10), seq }
    }

    /// Seqs 1 to 4 on topics 0, 1, 0, 1; the third is not acknowledged.
    fn ledger() -> Ledger {
        let sent = (0..5).map(|count| event(count % 2, count)).collect();
        let acknowledged = [(id(1), event(0, 0)), (id(2), event(1, 1)), (id(4), event(1, 3))].into();
        Ledger { sent, acknowledged, retries: 0 }
    }

    fn reader(topics: &[usize], events: &[(RecordId, Payload)]) -> Received {
        Received {
            reader: "a reader".into(),
            topics: topics.iter().copied().collect(),
            events: events.to_vec(),
        }
    }

    fn all() -> Vec<(RecordId, Payload)> {
        [(id(1), event(0, 0)), (id(2), event(1, 1)), (id(3), event(0, 2)), (id(4), event(1, 3))].into()
    }

    fn fault(events: &[(RecordId, Payload)]) -> String {
        let readers = [reader(&[0, 1], &all()), reader(&[0, 1], events)];
        format!("{:#}", audit(&ledger(), &readers).unwrap_err())
    }

    #[test]
    fn exact_lists_pass() {
        let readers = [
            reader(&[0, 1], &all()),
            reader(&[1], &[(id(2), event(1, 1)), (id(4), event(1, 3))]),
            reader(&[0], &[(id(1), event(0, 0)), (id(3), event(0, 2))]),
        ];
        let expected = Audit { deliveries: 8, stored_unacknowledged: 1 };
        assert_eq!(audit(&ledger(), &readers).unwrap(), expected);
    }

    #[test]
    fn an_event_neither_received_nor_acknowledged_may_be_missing() {
        let events: Vec<_> = all().into_iter().filter(|(id, _)| id.seq != 3).collect();
        let expected = Audit { deliveries: 3, stored_unacknowledged: 0 };
        assert_eq!(audit(&ledger(), &[reader(&[0, 1], &events)]).unwrap(), expected);
    }

    #[test]
    fn each_fault_is_found() {
        let all = all();
        let mut swapped = all.clone();
        swapped.swap(1, 2);
        let mut moved = all.clone();
        moved[3].0.seq = 5;
        let mut forged = all.clone();
        forged[2].1 = event(0, 99);
        let mut other_epoch = all.clone();
        other_epoch[3].0.epoch = Epoch::from_bits(11);
        let stored_twice = [&all[..], &[(id(5), event(1, 3))]].concat();
        let repeated = [&all[..2], &all[1..]].concat();
        for (events, part) in [
            (&all[1..], "seq 1 is missing"),
            (&all[..3], "seq 4 is missing at the end"),
            (&[all[0], all[1], all[3]], "seq 3 is missing"),
            (&swapped, "is missing"),
            (&repeated, "came after seq 2"),
            (&moved, "is there twice, as seq 4 and 5"),
            (&stored_twice, "is there twice, as seq 4 and 5"),
            (&forged, "nobody published"),
            (&other_epoch, "is of epoch"),
        ] {
            assert!(fault(events).contains(part), "{part}: {}", fault(events));
        }
    }

    #[test]
    fn an_epoch_within_another_is_found() {
        let mut mixed = all();
        mixed[2].0.epoch = Epoch::from_bits(11);
        let fault = format!("{:#}", audit(&ledger(), &[reader(&[0, 1], &mixed)]).unwrap_err());
        assert!(fault.contains("between those of another"), "{fault}");
    }

    #[test]
    fn an_event_of_another_topic_is_found() {
        let readers = [reader(&[0, 1], &all()), reader(&[0], &all()[..2])];
        let fault = format!("{:#}", audit(&ledger(), &readers).unwrap_err());
        assert!(fault.ends_with("with seq 2 is not of these topics"), "{fault}");
    }
}
