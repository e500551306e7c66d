//! The topics of a log: by number, by name, in the order of their names.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Bound;

use hashbrown::HashTable;
use sse_core::{Selector, Topic};

use super::removals::first_segment;
use super::topic_index::TopicIndex;
use crate::selectors::Selectors;

/// Number of a topic, in memory and in the file. That of a topic that is gone is given to a later one.
pub(super) type TopicId = u32;

#[derive(Debug, Default)]
pub(super) struct Topics {
    slots: Vec<Option<TopicIndex>>,
    free: Vec<TopicId>,
    /// By name. A map with the names as keys would take 25 bytes more for each.
    ids: HashTable<TopicId>,
    hasher: RandomState,
    names: BTreeSet<Topic>,
    /// Those with a last value.
    last_values: BTreeSet<Topic>,
    /// How many there are, by first segment.
    segments: HashMap<Box<str>, u32>,
}

impl Topics {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, topic: &Topic) -> Option<TopicId> {
        let is_it = |id: &TopicId| self.get(*id).is_some_and(|known| known.name == *topic);
        self.ids.find(self.hasher.hash_one(topic), is_it).copied()
    }

    pub(super) fn get(&self, id: TopicId) -> Option<&TopicIndex> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: TopicId) -> Option<&mut TopicIndex> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn find(&self, topic: &Topic) -> Option<&TopicIndex> {
        self.get(self.id(topic)?)
    }

    /// How many topics have this first segment.
    pub(super) fn share(&self, segment: &str) -> usize {
        self.segments.get(segment).map_or(0, |share| *share as usize)
    }

    /// Adds a topic that is not there.
    pub(super) fn insert(&mut self, topic: TopicIndex) -> TopicId {
        let id = self.free.pop().unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.restore(id, topic);
        id
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, count: usize) {
        let Self { slots, ids, hasher, .. } = self;
        let hash = |id: &TopicId| hash_of(slots, hasher, *id);
        ids.reserve(count, hash);
        slots.reserve(count);
    }

    /// Adds a topic that had this number before. `false` if another one has it, or the name.
    pub(super) fn restore(&mut self, id: TopicId, topic: TopicIndex) -> bool {
        let hashed = self.hasher.hash_one(&topic.name);
        let is_it = |known: &TopicId| self.get(*known).is_some_and(|known| known.name == topic.name);
        if self.get(id).is_some() || self.ids.find(hashed, is_it).is_some() {
            return false;
        }
        let (at, name) = (id as usize, topic.name.clone());
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(topic);
        }
        *self.segments.entry(first_segment(name.as_str()).into()).or_default() += 1;
        let Self { slots, ids, hasher, .. } = self;
        ids.insert_unique(hashed, id, |id| hash_of(slots, hasher, *id));
        self.names.insert(name);
        true
    }

    /// Numbers that no topic has are given again, from now on, but not these.
    pub(super) fn find_free(&mut self, leaving: &BTreeSet<TopicId>) {
        // New numbers come after these too.
        let end = leaving.last().map_or(0, |id| *id as usize + 1);
        self.slots.resize_with(self.slots.len().max(end), || None);
        let is_free = |id: &TopicId| self.get(*id).is_none() && !leaving.contains(id);
        self.free = (0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX)).rev().filter(is_free).collect();
    }

    /// Takes a topic out. Its number is not given again before [`Self::release`].
    pub(super) fn remove(&mut self, id: TopicId) -> Option<TopicIndex> {
        let topic = self.slots.get_mut(id as usize)?.take()?;
        if let Ok(found) = self.ids.find_entry(self.hasher.hash_one(&topic.name), |known| *known == id) {
            found.remove();
        }
        self.names.remove(topic.name.as_str());
        self.last_values.remove(topic.name.as_str());
        let segment = first_segment(topic.name.as_str());
        if let Some(share) = self.segments.get_mut(segment) {
            *share -= 1;
            if *share == 0 {
                self.segments.remove(segment);
            }
        }
        Some(topic)
    }

    pub(super) fn release(&mut self, id: TopicId) {
        if id as usize + 1 == self.slots.len() {
            self.slots.pop();
        } else {
            self.free.push(id);
        }
    }

    pub(super) fn each_mut(&mut self, change: impl FnMut(&mut TopicIndex)) {
        self.slots.iter_mut().flatten().for_each(change);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicId, &TopicIndex)> {
        let numbered = (0..).zip(&self.slots);
        numbered.filter_map(|(id, topic)| topic.as_ref().map(|topic| (id, topic)))
    }

    /// By name, from the first one after `after` that begins with `prefix`.
    pub(super) fn named(&self, prefix: &str, after: Option<&Topic>) -> impl Iterator<Item = &Topic> {
        let from = match after.filter(|after| after.as_str() >= prefix) {
            Some(after) => Bound::Excluded(after.as_str()),
            None => Bound::Included(prefix),
        };
        let named = self.names.range::<str, _>((from, Bound::Unbounded));
        named.take_while(move |topic| topic.as_str().starts_with(prefix))
    }

    /// The topic has a last value.
    pub(super) fn set_last_value(&mut self, id: TopicId) {
        let name = self.get(id).map(|topic| topic.name.clone());
        self.last_values.extend(name);
    }

    /// These topics have a last value, and no others.
    pub(super) fn set_last_values(&mut self, has: impl Fn(&TopicIndex) -> bool) {
        let having = self.slots.iter().flatten().filter(|topic| has(topic));
        self.last_values = having.map(|topic| topic.name.clone()).collect();
    }

    /// Topics with a last value that one of these selectors wants.
    pub(super) fn with_last_value(&self, selectors: &Selectors) -> Vec<&TopicIndex> {
        let mut found = Vec::new();
        for selector in selectors.iter() {
            let prefix = match selector {
                Selector::All => String::new(),
                Selector::Below(prefix) => format!("{prefix}/"),
                Selector::Exact(topic) => {
                    found.extend(self.last_values.get(topic.as_str()));
                    continue;
                }
            };
            let from = (Bound::Included(&*prefix), Bound::Unbounded);
            let names = self.last_values.range::<str, _>(from);
            found.extend(names.take_while(|name| name.as_str().starts_with(&prefix)));
        }
        // Selectors can overlap.
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|name| self.find(name)).collect()
    }
}

fn hash_of(slots: &[Option<TopicIndex>], hasher: &RandomState, id: TopicId) -> u64 {
    let topic = slots.get(id as usize).and_then(Option::as_ref);
    topic.map_or(0, |topic| hasher.hash_one(&topic.name))
}
