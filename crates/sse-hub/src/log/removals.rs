//! What has expired, by what readers ask for: topics that are gone, and everything below a prefix. A reader of
//! a topic that is there is told by the topic itself.

use std::collections::{HashMap, VecDeque};

use sse_core::{Selector, Topic};

use super::read::{Lost, Read};

/// Topics that are gone of which the name is kept.
const MAX_GONE: usize = 100_000;
/// First segments that are kept apart of topics that went before those. All are stored when one changes.
const MAX_SEGMENTS: usize = 1000;
/// Prefixes that are kept apart. A reader of another one is told what its nearest ancestor would be told.
const MAX_PREFIXES: usize = 100_000;
/// Removals of a prefix that are kept apart.
const MAX_STEPS: usize = 16;

/// Every removal has a number, so that a reader can say which it knows.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// Number of the last one.
    count: u64,
    /// By prefix; that of everything is empty.
    below: HashMap<Box<str>, Steps>,
    /// Not every prefix is in `below`.
    is_full: bool,
    /// Topics that are gone.
    gone: HashMap<Box<str>, Step>,
    /// Their names with the numbers of their removals, the oldest at the front. Some are back.
    order: VecDeque<(Box<str>, u64)>,
    /// Of topics that went before those, by first segment; under no name, of any.
    folded: HashMap<Box<str>, Step>,
}

/// That records up to a seq were removed.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    seq: u64,
    /// Number of the removal.
    at: u64,
    /// Of a topic that disconnects slow consumers.
    disconnects: bool,
}

/// Removals that no later one covers: seqs fall, numbers grow.
#[derive(Debug, Default)]
struct Steps(Vec<Step>);

impl Removals {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// A new number, for what is removed next.
    pub(super) fn begin(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Records of this topic up to a seq have been removed, under the number that was given last.
    pub(super) fn add(&mut self, topic: &Topic, seq: u64, disconnects: bool) {
        let step = Step { seq, at: self.count, disconnects };
        self.below.entry("".into()).or_default().add(step);
        let name = topic.as_str();
        for (end, _) in name.match_indices('/') {
            let prefix = name.get(..end).unwrap_or_default();
            let has_room = self.below.len() < MAX_PREFIXES;
            match self.below.get_mut(prefix) {
                Some(steps) => steps.add(step),
                None if has_room => self.below.entry(prefix.into()).or_default().add(step),
                None => self.is_full = true,
            }
        }
    }

    /// The topic is gone, with its records up to this seq. Gives the name of another one that is not kept for that.
    pub(super) fn topic_gone(&mut self, topic: &Topic, seq: u64) -> Option<Box<str>> {
        self.add(topic, seq, false);
        let step = Step { seq, at: self.count, disconnects: false };
        self.gone.insert(topic.as_str().into(), step);
        self.order.push_back((topic.as_str().into(), step.at));
        let (oldest, at) = if self.order.len() > MAX_GONE { self.order.pop_front()? } else { return None };
        let step = self.gone.get(&oldest).copied().filter(|step| step.at == at)?;
        self.gone.remove(&oldest);
        self.fold(first_segment(&oldest), step.seq);
        Some(oldest)
    }

    /// The topic is there again: up to which seq its records were removed when it went.
    pub(super) fn topic_is_back(&mut self, topic: &Topic) -> Option<u64> {
        self.gone.remove(topic.as_str()).map(|step| step.seq)
    }

    /// Topics below a first segment are gone, and their names are not kept.
    pub(super) fn fold(&mut self, segment: &str, seq: u64) {
        let has_place = self.folded.len() < MAX_SEGMENTS || self.folded.contains_key(segment);
        let segment = if has_place { segment } else { "" };
        let step = self.folded.entry(segment.into()).or_default();
        (step.seq, step.at) = (step.seq.max(seq), self.count);
        if segment.is_empty() {
            self.below.entry("".into()).or_default().add(Step { seq, at: self.count, disconnects: false });
        }
    }

    /// By first segment, up to which seq.
    pub(super) fn folded(&self) -> impl Iterator<Item = (&str, u64)> {
        self.folded.iter().map(|(segment, step)| (&**segment, step.seq))
    }

    /// Notes in `lost` what `read` may have wanted of a topic that is not there.
    pub(super) fn lost_of_absent(&self, topic: &Topic, read: &Read, lost: &mut Lost) {
        let name = topic.as_str();
        let steps = [self.gone.get(name), self.folded.get(first_segment(name)), self.folded.get("")];
        steps.into_iter().flatten().for_each(|step| step.note(read, lost));
    }

    /// Notes in `lost` what `read` may have wanted of the topics of a selector for many.
    pub(super) fn lost_of(&self, selector: &Selector, read: &Read, lost: &mut Lost) {
        let prefix = if let Selector::Below(prefix) = selector { prefix.as_str() } else { "" };
        let ends = prefix.rmatch_indices('/').map(|(end, _)| prefix.get(..end).unwrap_or_default());
        let mut nearest = std::iter::once(prefix).chain(ends).chain([""]);
        let known = if self.is_full {
            nearest.find_map(|prefix| self.below.get(prefix))
        } else {
            self.below.get(prefix)
        };
        let unknown_to =
            known.and_then(|steps| steps.0.iter().find(|step| step.at > read.acknowledged_removals));
        let folded = [self.folded.get(first_segment(prefix)), self.folded.get("")];
        folded.into_iter().flatten().chain(unknown_to).for_each(|step| step.note(read, lost));
    }
}

impl Step {
    fn note(&self, read: &Read, lost: &mut Lost) {
        if self.seq > read.after && self.at > read.acknowledged_removals {
            lost.removed = lost.removed.max(self.seq);
            lost.disconnects |= self.disconnects;
        }
    }
}

impl Steps {
    fn add(&mut self, mut step: Step) {
        while let Some(covered) = self.0.pop_if(|last| last.seq <= step.seq) {
            step.disconnects |= covered.disconnects;
        }
        if self.0.len() == MAX_STEPS
            && let Some(last) = self.0.pop()
        {
            step = Step { seq: last.seq, disconnects: step.disconnects | last.disconnects, ..step };
        }
        self.0.push(step);
    }
}

pub(super) fn first_segment(topic: &str) -> &str {
    topic.split('/').next().unwrap_or_default()
}
