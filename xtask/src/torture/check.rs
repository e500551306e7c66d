//! Holds what readers received against what is known of the log. Pure.
//!
//! A reader may receive less than was acknowledged only where a gap stands. The one exception is a log that looks exactly as
//! it did at an earlier moment: then nobody can know that there was more, except by an id of it. So each kind of damage says
//! where the log may end, and all readers together have to agree with one of these ends.

use std::collections::{HashMap, HashSet};

use super::fault::Fault;
use super::known_log::{KnownEvent, KnownLog, MAX_NEW, SMALL_COUNT, seq_of};
use super::readers::{Item, Selector, Start};

/// Reason of a gap for an id of which the log does not know the epoch.
const UNKNOWN_ID: &str = "unknown-id";
/// Reason of a gap that tells of retention, not of damage.
const EXPIRED: &str = "expired";

/// What one reader received.
#[derive(Debug)]
pub(super) struct Reading {
    /// Names the reader in faults.
    pub(super) name: String,
    pub(super) selector: Selector,
    pub(super) start: Start,
    pub(super) items: Vec<Item>,
    /// It has read to the end after the new events were published.
    pub(super) has_new: bool,
}

/// What readers may receive.
pub(super) struct Expected<'a> {
    known: &'a [KnownEvent],
    by_id: HashMap<&'a str, usize>,
    /// Events that every reader of their topics must receive, if the log does not end before them.
    required: Vec<bool>,
    /// Numbers of events that the log may have, in order.
    ends: Vec<usize>,
    /// Nothing was damaged: no gap may be told, except to a reader from after the end.
    intact: bool,
    /// Acknowledged since the start.
    pub(super) new: Vec<KnownEvent>,
    /// Answered so that they may be stored or not. Without ids.
    pub(super) unsure: Vec<KnownEvent>,
}

impl<'a> Expected<'a> {
    /// `ends`: numbers of events that the log may have. At least one.
    pub(super) fn new(log: &'a KnownLog, mut ends: Vec<usize>, intact: bool) -> Self {
        ends.sort_unstable();
        ends.dedup();
        let last = ends.last().copied().unwrap_or(0);
        let by_id = log.events.iter().enumerate().map(|(nth, event)| (event.id.as_str(), nth)).collect();
        let mut retained: HashMap<&str, usize> = HashMap::new();
        let mut required: Vec<bool> = log
            .events
            .iter()
            .take(last)
            .rev()
            .map(|event| {
                let newer = retained.entry(&event.topic).or_default();
                *newer += 1;
                !event.is_small() || *newer <= SMALL_COUNT - MAX_NEW
            })
            .collect();
        required.reverse();
        Self { known: &log.events, by_id, required, ends, intact, new: Vec::new(), unsure: Vec::new() }
    }

    /// Takes the answer to an event that was published after the start. Its id was never given out before.
    pub(super) fn acknowledge(&mut self, event: KnownEvent) -> Result<(), Fault> {
        let same = self.by_id.get(event.id.as_str()).and_then(|nth| self.known.get(*nth));
        if let Some(other) = same.or_else(|| self.new.iter().find(|other| other.id == event.id)) {
            return Err(Fault::new(
                "an id is given twice",
                format!("{}: {} and {}", event.id, brief(other), brief(&event)),
            ));
        }
        self.new.push(event);
        Ok(())
    }

    /// Does the reading agree with what is known? Narrows the ends to those with which it does.
    ///
    /// # Errors
    /// The first fault.
    pub(super) fn check(&mut self, reading: &Reading) -> Result<(), Fault> {
        self.check_events(reading).map_err(|fault| name(fault, reading))?;
        let mut last = None;
        let mut ends = std::mem::take(&mut self.ends);
        ends.retain(|end| self.check_complete(reading, *end).map_err(|fault| last = Some(fault)).is_ok());
        self.ends = ends;
        match last {
            Some(fault) if self.ends.is_empty() => Err(name(fault, reading)),
            _ => Ok(()),
        }
    }

    /// Is the folder as a server left it?
    pub(super) fn is_intact(&self) -> bool {
        self.intact
    }

    /// Was the reader told of a loss other than by retention, though its id is of this log?
    pub(super) fn tells_loss(&self, reading: &Reading) -> bool {
        let last = self.ends.last().copied().unwrap_or(0);
        let is_loss = |item: &Item| matches!(item, Item::Gap(reason) if reason != EXPIRED);
        self.place(&reading.start).is_none_or(|place| place <= last) && reading.items.iter().any(is_loss)
    }

    /// Number of events that the reader has; `None` without an id that is known.
    fn place(&self, start: &Start) -> Option<usize> {
        match start {
            Start::Earliest => Some(0),
            Start::After(id) => self.by_id.get(id.as_str()).map(|nth| nth + 1),
        }
    }

    /// Each event is what was published under its id, wanted, and in its place.
    fn check_events(&self, reading: &Reading) -> Result<(), Fault> {
        let mut last = 0;
        for item in &reading.items {
            let event = match item {
                Item::Event(event) => event,
                Item::Gap(reason) => {
                    // Everything that is kept follows.
                    last = if reason == UNKNOWN_ID { 0 } else { last };
                    continue;
                }
            };
            self.check_content(event)?;
            if !reading.selector.matches(&event.topic) {
                return Err(Fault::new("event of another topic", brief(event)));
            }
            let seq = seq_of(&event.id).unwrap_or(0);
            if seq <= last {
                return Err(Fault::new(
                    "out of order or twice",
                    format!("{} after seq {last}", brief(event)),
                ));
            }
            last = seq;
        }
        Ok(())
    }

    fn check_content(&self, event: &KnownEvent) -> Result<(), Fault> {
        let known = self.by_id.get(event.id.as_str()).and_then(|nth| self.known.get(*nth));
        let Some(known) = known.or_else(|| self.new.iter().find(|new| new.id == event.id)) else {
            if self.unsure.iter().any(|unsure| has_content(event, unsure)) {
                return Ok(());
            }
            let other = self.known.iter().chain(&self.new).find(|other| other.data == event.data);
            let other = other.map_or("nothing published".to_owned(), brief);
            return Err(Fault::new(
                "an id that nobody was given",
                format!("{}, which is {other}", brief(event)),
            ));
        };
        if !has_content(event, known) {
            return Err(Fault::new("wrong content", format!("{} instead of {}", brief(event), brief(known))));
        }
        Ok(())
    }

    /// If the log has `end` events: is there a gap wherever one is missing?
    fn check_complete(&self, reading: &Reading, end: usize) -> Result<(), Fault> {
        let start = self.place(&reading.start).unwrap_or(usize::MAX);
        let gap_first = matches!(reading.items.first(), Some(Item::Gap(_)));
        if start > end && !gap_first {
            let detail = format!("{} of the {end} events that there may be", reading.start.as_str());
            return Err(Fault::new("an id past the end is not noticed", detail));
        }
        let (mut next, mut is_gap) = (start.min(end), false);
        for item in &reading.items {
            match item {
                Item::Gap(reason) if self.intact && start <= end && reason != EXPIRED => {
                    return Err(Fault::new("false gap", format!("{reason} in an undamaged log")));
                }
                Item::Gap(_) => is_gap = true,
                Item::Event(event) => {
                    let place = self.by_id.get(event.id.as_str()).copied();
                    if place.is_some_and(|place| place >= end) {
                        return Err(Fault::new("event from after the copy", brief(event)));
                    }
                    if place.is_some_and(|place| place < start) && !gap_first {
                        return Err(Fault::new("event from before the id", brief(event)));
                    }
                    if !is_gap {
                        self.check_hole(reading, next, place.unwrap_or(end), Some(event))?;
                    }
                    next = next.max(place.map_or(end, |place| place + 1));
                    is_gap = false;
                }
            }
        }
        if !is_gap {
            self.check_hole(reading, next, end, None)?;
        }
        self.check_new(reading)
    }

    /// Nothing of what must be there is between these places; `before` came next, or it is the end.
    fn check_hole(
        &self,
        reading: &Reading,
        from: usize,
        to: usize,
        before: Option<&KnownEvent>,
    ) -> Result<(), Fault> {
        let (Some(known), Some(required)) = (self.known.get(from..to), self.required.get(from..to)) else {
            return Ok(());
        };
        let is_missing =
            |(event, required): &(&KnownEvent, &bool)| **required && reading.selector.matches(&event.topic);
        let mut missing = known.iter().zip(required).filter(is_missing).map(|(event, _)| event);
        let Some(first) = missing.next() else { return Ok(()) };
        let detail = format!("{} events from {} on", 1 + missing.count(), brief(first));
        Err(match before {
            Some(before) => {
                Fault::new("missing without a gap", format!("{detail}, before {}", brief(before)))
            }
            None => Fault::new("missing at the end without a gap", detail),
        })
    }

    fn check_new(&self, reading: &Reading) -> Result<(), Fault> {
        if !reading.has_new {
            return Ok(());
        }
        let events = reading.items.iter().filter_map(|item| match item {
            Item::Event(event) => Some(event.id.as_str()),
            Item::Gap(_) => None,
        });
        let received: HashSet<&str> = events.collect();
        let mut wanted = self.new.iter().filter(|new| reading.selector.matches(&new.topic));
        match wanted.find(|new| !received.contains(new.id.as_str())) {
            None => Ok(()),
            Some(missing) => Err(Fault::new("new event missing", brief(missing))),
        }
    }
}

/// The same event, whatever its id.
fn has_content(event: &KnownEvent, known: &KnownEvent) -> bool {
    let same_time = known.time.is_none() || event.time == known.time;
    (&event.topic, &event.event_type, &event.data) == (&known.topic, &known.event_type, &known.data)
        && same_time
}

fn name(fault: Fault, reading: &Reading) -> Fault {
    let detail = format!("{}: {}", reading.name, fault.detail);
    Fault { detail, ..fault }
}

/// Enough to find it.
fn brief(event: &KnownEvent) -> String {
    let KnownEvent { id, topic, data, .. } = event;
    let start: String = data.chars().take(20).collect();
    format!("{id} {topic} {start:?} of {} bytes", data.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(nth: usize, topic: &str) -> KnownEvent {
        KnownEvent {
            id: format!("aaaaaaaaaaaa-{}", nth + 1),
            topic: topic.to_owned(),
            event_type: "message".to_owned(),
            data: format!("{nth} text"),
            time: None,
            key: None,
        }
    }

    /// Ten events on two topics in turn, and one that was published after the start.
    fn log() -> KnownLog {
        let events = (0..10).map(|nth| event(nth, if nth % 2 == 0 { "a" } else { "b" })).collect();
        KnownLog { events, ..KnownLog::default() }
    }

    fn new() -> KnownEvent {
        KnownEvent { id: "bbbbbbbbbbbb-20".to_owned(), ..event(50, "a") }
    }

    /// Of the events with these numbers; -1 is a gap, 20 the new event.
    fn reading(selector: Selector, start: Start, numbers: &[i32]) -> Reading {
        let known = log().events;
        let item = |number: &i32| match usize::try_from(*number) {
            Err(_) => Item::Gap("lost".to_owned()),
            Ok(20) => Item::Event(new()),
            Ok(nth) => Item::Event(known[nth].clone()),
        };
        let items = numbers.iter().map(item).collect();
        Reading { name: "a reader".to_owned(), selector, start, items, has_new: true }
    }

    fn class(ends: &[usize], reading: &Reading) -> &'static str {
        let log = log();
        let mut expected = Expected::new(&log, ends.to_vec(), false);
        expected.acknowledge(new()).unwrap();
        expected.check(reading).map_or_else(|fault| fault.class, |()| "")
    }

    #[test]
    fn what_is_missing_needs_a_gap() {
        let all = |numbers: &[i32]| class(&[10], &reading(Selector::All, Start::Earliest, numbers));
        assert_eq!(all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20]), "");
        assert_eq!(all(&[0, 1, -1, 4, 5, 6, 7, 8, 9, 20]), "");
        assert_eq!(all(&[-1, 20]), "");
        assert_eq!(all(&[0, 1, 3, 4, 5, 6, 7, 8, 9, 20]), "missing without a gap");
        assert_eq!(all(&[-1, 0, 1, 3, 4, 5, 6, 7, 8, 9, 20]), "missing without a gap");
        assert_eq!(all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 20]), "missing without a gap");
        assert_eq!(all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), "new event missing");
        assert_eq!(all(&[1, 0]), "out of order or twice");
        assert_eq!(all(&[0, 0]), "out of order or twice");
        let a = Selector::Topic("a".to_owned());
        assert_eq!(class(&[10], &reading(a.clone(), Start::Earliest, &[0, 2, 4, 6, 8, 20])), "");
        assert_eq!(class(&[10], &reading(a, Start::Earliest, &[0, 1, 2])), "event of another topic");
    }

    #[test]
    fn a_log_may_look_as_it_did_at_an_earlier_moment() {
        let all = |numbers: &[i32]| class(&[4, 10], &reading(Selector::All, Start::Earliest, numbers));
        assert_eq!(all(&[0, 1, 2, 3, 20]), "");
        assert_eq!(all(&[0, 1, 2, 20]), "missing without a gap");
        assert_eq!(all(&[0, 1, 2, 3, 4, 20]), "missing without a gap");
        let resumed = |numbers: &[i32]| {
            let start = Start::After("aaaaaaaaaaaa-7".to_owned());
            class(&[4], &reading(Selector::All, start, numbers))
        };
        assert_eq!(resumed(&[-1, 20]), "");
        assert_eq!(resumed(&[-1, 0, 1, 2, 3, 20]), "");
        assert_eq!(resumed(&[20]), "an id past the end is not noticed");
    }

    #[test]
    fn readers_agree_on_the_end() {
        let log = log();
        let mut expected = Expected::new(&log, vec![4, 10], false);
        expected.acknowledge(new()).unwrap();
        expected.check(&reading(Selector::All, Start::Earliest, &[0, 1, 2, 3, 20])).unwrap();
        let b = Reading {
            has_new: false,
            ..reading(Selector::Topic("b".to_owned()), Start::Earliest, &[1, 3, 5, 7, 9])
        };
        assert_eq!(expected.check(&b).unwrap_err().class, "event from after the copy");
    }

    #[test]
    fn events_are_what_was_published() {
        let altered = |alter: fn(&mut KnownEvent)| {
            let mut reading = reading(Selector::All, Start::Earliest, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20]);
            if let Some(Item::Event(event)) = reading.items.get_mut(3) {
                alter(event);
            }
            class(&[10], &reading)
        };
        assert_eq!(altered(|_| ()), "");
        assert_eq!(altered(|event| event.data.push('x')), "wrong content");
        assert_eq!(altered(|event| event.topic = "a".to_owned()), "wrong content");
        assert_eq!(altered(|event| event.id = "aaaaaaaaaaaa-44".to_owned()), "an id that nobody was given");
        let log = log();
        let mut expected = Expected::new(&log, vec![10], false);
        assert_eq!(expected.acknowledge(event(3, "a")).unwrap_err().class, "an id is given twice");
    }

    #[test]
    fn an_undamaged_log_has_no_gap() {
        let log = log();
        let mut expected = Expected::new(&log, vec![10], true);
        let told = Reading {
            has_new: false,
            ..reading(Selector::All, Start::Earliest, &[-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        };
        assert_eq!(expected.check(&told).unwrap_err().class, "false gap");
    }
}
