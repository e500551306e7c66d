//! A worker's feeds: found by their selectors when somebody subscribes, and by a record's topic and that topic's ancestors
//! when it comes. Nothing walks them all, except when the log was lost sight of or is closed.

use std::borrow::Borrow as _;
use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::rc::{Rc, Weak};

use slab::Slab;
use sse_core::{Selector, Topic};

use super::feed::{Feed, Registry};
use super::window::Window;
use crate::budget::Budget;
use crate::selectors::Selectors;

/// The feeds, and the window that they give from.
#[derive(Debug)]
pub(super) struct Feeds {
    pub(super) window: Rc<RefCell<Window>>,
    table: RefCell<Table>,
    closed: Cell<bool>,
    budget: Budget,
}

#[derive(Debug, Default)]
struct Table {
    /// A feed lives as long as a subscription holds it.
    feeds: Slab<Weak<Feed>>,
    keys: HashMap<Selectors, usize>,
    wanting: Wanting,
    /// Of the topic of the last record, since the feeds changed: batches are mostly of one.
    last: Option<(Topic, Found)>,
}

/// Feeds that want a topic.
type Found = Rc<[Weak<Feed>]>;

/// Keys of the feeds that have a selector.
#[derive(Debug, Default)]
struct Wanting {
    all: BTreeSet<usize>,
    below: HashMap<Topic, BTreeSet<usize>>,
    exact: HashMap<Topic, BTreeSet<usize>>,
}

impl Feeds {
    pub(super) fn new(window: Window, budget: Budget) -> Self {
        Self {
            window: Rc::new(RefCell::new(window)),
            table: RefCell::default(),
            closed: Cell::new(false),
            budget,
        }
    }

    /// The feed of these selectors; makes it if need be. `None` at the memory limit.
    pub(super) fn feed(self: &Rc<Self>, selectors: Selectors) -> Option<Rc<Feed>> {
        let Table { feeds, keys, wanting, last } = &mut *self.table.borrow_mut();
        if let Some(feed) = keys.get(&selectors).and_then(|key| feeds.get(*key)).and_then(Weak::upgrade) {
            return Some(feed);
        }
        let held = self.budget.try_hold_delivery(selectors.iter().map(size).sum())?;
        let slot = feeds.vacant_entry();
        let key = slot.key();
        let (window, registry) = (Rc::clone(&self.window), Rc::<Self>::clone(self));
        let feed = Rc::new(Feed::new(selectors.clone(), window, (key, registry), held));
        if self.closed.get() {
            feed.close();
        }
        slot.insert(Rc::downgrade(&feed));
        *last = None;
        selectors.iter().for_each(|selector| wanting.add(selector, key));
        keys.insert(selectors, key);
        Some(feed)
    }

    /// The feeds that want this topic.
    pub(super) fn wanting(&self, topic: &Topic) -> Found {
        let Table { feeds, wanting, last, .. } = &mut *self.table.borrow_mut();
        if let Some((known, found)) = last
            && known == topic
        {
            return Rc::clone(found);
        }
        // A feed may want it for several of its selectors.
        let mut keys: Vec<usize> = wanting.keys(topic).collect();
        keys.sort_unstable();
        keys.dedup();
        let found: Found = keys.into_iter().filter_map(|key| feeds.get(key).cloned()).collect();
        *last = Some((topic.clone(), Rc::clone(&found)));
        found
    }

    /// Some of the feeds, from this key on; `None` past the last.
    pub(super) fn some(&self, from: usize, most: usize) -> Option<Vec<Weak<Feed>>> {
        let Table { feeds, .. } = &*self.table.borrow();
        let keys = from..feeds.capacity().min(from + most);
        (!keys.is_empty()).then(|| keys.filter_map(|key| feeds.get(key).cloned()).collect())
    }

    /// Records up to `head` were missed: subscribers go through the log.
    pub(super) fn jump(&self, head: u64) {
        self.window.borrow_mut().jump(head);
        self.each(|feed| feed.jump(head));
    }

    /// Ends every subscription once it has read what is there.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.each(Feed::close);
    }

    /// Those there are now.
    pub(super) fn all(&self) -> Vec<Weak<Feed>> {
        self.table.borrow().feeds.iter().map(|(_, feed)| Weak::clone(feed)).collect()
    }

    fn each(&self, act: impl Fn(&Feed)) {
        let table = self.table.borrow();
        table.feeds.iter().filter_map(|(_, feed)| feed.upgrade()).for_each(|feed| act(&feed));
    }
}

impl Registry for Feeds {
    fn remove(&self, selectors: &Selectors, key: usize) {
        let Table { feeds, keys, wanting, last } = &mut *self.table.borrow_mut();
        feeds.try_remove(key);
        *last = None;
        selectors.iter().for_each(|selector| wanting.remove(selector, key));
        keys.remove(selectors);
    }
}

impl Wanting {
    fn add(&mut self, selector: &Selector, key: usize) {
        match selector {
            Selector::All => self.all.insert(key),
            Selector::Below(prefix) => self.below.entry(prefix.clone()).or_default().insert(key),
            Selector::Exact(topic) => self.exact.entry(topic.clone()).or_default().insert(key),
        };
    }

    fn remove(&mut self, selector: &Selector, key: usize) {
        let (map, topic) = match selector {
            Selector::All => {
                self.all.remove(&key);
                return;
            }
            Selector::Below(prefix) => (&mut self.below, prefix),
            Selector::Exact(topic) => (&mut self.exact, topic),
        };
        if let Entry::Occupied(mut keys) = map.entry(topic.clone()) {
            keys.get_mut().remove(&key);
            if keys.get().is_empty() {
                keys.remove();
            }
        }
    }

    fn keys(&self, topic: &Topic) -> impl Iterator<Item = usize> {
        let name: &str = topic.borrow();
        let prefixes = name.rmatch_indices('/').map(|(end, _)| name.get(..end).unwrap_or_default());
        let below = prefixes.filter_map(|prefix| self.below.get(prefix));
        self.exact.get(topic).into_iter().chain(below).chain([&self.all]).flatten().copied()
    }
}

/// What a selector costs about: it stands in a set and in the index, with its name in each.
fn size(selector: &Selector) -> usize {
    let name = match selector {
        Selector::All => "",
        Selector::Below(topic) | Selector::Exact(topic) => topic.as_str(),
    };
    2 * name.len() + 200
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn feeds() -> Rc<Feeds> {
        Rc::new(Feeds::new(Window::new(0, 1000), Budget::new(40_000, Arc::default())))
    }

    fn feed(feeds: &Rc<Feeds>, selectors: &[&str]) -> Rc<Feed> {
        let selectors = selectors.iter().map(|text| text.parse().unwrap()).collect();
        feeds.feed(Selectors::new(selectors).unwrap()).unwrap()
    }

    #[test]
    fn a_record_finds_the_feeds_that_want_its_topic() {
        let feeds = feeds();
        let sets = [
            &["*"][..],
            &["a"],
            &["a/*"],
            &["a/b"],
            &["a/b/*"],
            &["a/b/c", "a/*"],
            &["ab"],
            &["a/bc/*", "b"],
        ];
        let held: Vec<_> = sets.iter().map(|set| feed(&feeds, set)).collect();
        for topic in ["a", "a/b", "a/b/c", "a/b/c/d", "ab", "a/bc", "a/bc/d", "b", "c", "abc"] {
            let topic = Topic::new(topic).unwrap();
            let wanting = feeds.wanting(&topic);
            for feed in &held {
                let found = wanting.iter().filter(|wanting| std::ptr::eq(wanting.as_ptr(), &**feed)).count();
                assert_eq!(
                    found == 1,
                    feed.selectors().match_topic(&topic),
                    "{} of {topic}",
                    feed.selectors()
                );
            }
        }
    }

    #[test]
    fn selectors_count_towards_the_memory_limit() {
        let feeds = feeds();
        let long = |nth: usize| Selectors::exactly(Topic::new(format!("{nth}{}", "x".repeat(200))).unwrap());
        let held: Vec<_> = (0..).map_while(|nth| feeds.feed(long(nth))).collect();
        assert!((15..18).contains(&held.len()), "{}", held.len());
        drop(held);
        assert!(feeds.feed(long(0)).is_some());
        assert_eq!(feeds.budget.used(), 0);
    }

    #[test]
    fn equal_selectors_share_a_feed_and_a_dropped_one_leaves_nothing() {
        let feeds = feeds();
        let first = feed(&feeds, &["a", "b/*", "c"]);
        assert!(Rc::ptr_eq(&first, &feed(&feeds, &["c", "a", "b/*"])));
        let other = feed(&feeds, &["a", "*"]);
        drop((first, other));
        let Table { feeds, keys, wanting, .. } = &*feeds.table.borrow();
        assert!(feeds.is_empty() && keys.is_empty());
        assert!(wanting.all.is_empty() && wanting.below.is_empty() && wanting.exact.is_empty());
    }
}
