//! The selector set of a subscription, in one normal form, so that equal sets share a feed.

use std::fmt;
use std::sync::Arc;

use sse_core::{Selector, Topic};

/// At least one selector; sorted, no repeats, and nothing beside `*`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selectors(Arc<[Selector]>);

/// More selectors than a subscription may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subscription has at most {} selectors, this one asks for {count}; use `prefix/*` or `*`",
    Selectors::MAX
)]
pub struct SelectorsError {
    count: usize,
}

impl Selectors {
    /// Most selectors of one subscription. Each costs a place in the fan-out's index.
    pub const MAX: usize = 100;

    /// The set of these selectors; none at all means every topic.
    pub fn new(mut selectors: Vec<Selector>) -> Result<Self, SelectorsError> {
        if selectors.len() > Self::MAX {
            return Err(SelectorsError { count: selectors.len() });
        }
        if selectors.is_empty() || selectors.contains(&Selector::All) {
            selectors = vec![Selector::All];
        }
        selectors.sort_unstable();
        selectors.dedup();
        Ok(Self(selectors.into()))
    }

    /// The set that wants every topic.
    pub fn all() -> Self {
        Self(Arc::from([Selector::All]))
    }

    /// Does it want every topic?
    pub fn is_all(&self) -> bool {
        self.0.first() == Some(&Selector::All)
    }

    /// The set that wants this topic alone.
    pub fn exactly(topic: Topic) -> Self {
        Self(Arc::from([Selector::Exact(topic)]))
    }

    /// The topics, if every selector names one.
    pub(crate) fn exact(&self) -> Option<impl Iterator<Item = &Topic>> {
        fn topic(selector: &Selector) -> Option<&Topic> {
            if let Selector::Exact(topic) = selector { Some(topic) } else { None }
        }
        let all = self.0.iter().all(|selector| topic(selector).is_some());
        all.then(|| self.0.iter().filter_map(topic))
    }

    /// The selectors, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Selector> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Does one of the selectors want `topic`?
    pub fn match_topic(&self, topic: &Topic) -> bool {
        self.0.iter().any(|selector| selector.matches(topic))
    }

    /// The set that wants every topic below this one.
    pub fn below(prefix: Topic) -> Self {
        Self(Arc::from([Selector::Below(prefix)]))
    }

    /// Is one of the selectors `prefix/*`, or a topic or prefix below it?
    pub(crate) fn name_below(&self, prefix: &Topic) -> bool {
        let all_below = Selector::Below(prefix.clone());
        self.0.iter().any(|selector| match selector {
            Selector::All => false,
            Selector::Exact(topic) => all_below.matches(topic),
            Selector::Below(named) => named == prefix || all_below.matches(named),
        })
    }
}

impl Default for Selectors {
    fn default() -> Self {
        Self::all()
    }
}

impl fmt::Display for Selectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, selector) in self.0.iter().enumerate() {
            let separator = if nth == 0 { "" } else { " " };
            write!(f, "{separator}{selector}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(selectors: &[&str]) -> String {
        let selectors = selectors.iter().map(|text| text.parse().unwrap()).collect();
        Selectors::new(selectors).unwrap().to_string()
    }

    #[test]
    fn equal_wishes_have_one_form() {
        assert_eq!(set(&["b", "a", "b"]), set(&["a", "b"]));
        assert_eq!(set(&["b", "*", "a/*"]), "*");
        assert_eq!(set(&[]), "*");
    }

    #[test]
    fn a_name_below_a_prefix_is_told_from_a_stream_of_everything() {
        let prefix = Topic::new("ticker").unwrap();
        for (selectors, named) in [
            (&["*"][..], false),
            (&["ticker"], false),
            (&["tickers/*", "a"], false),
            (&["a", "ticker/ACME"], true),
            (&["ticker/*"], true),
            (&["ticker/eu/*"], true),
        ] {
            let set = Selectors::new(selectors.iter().map(|text| text.parse().unwrap()).collect());
            assert_eq!(set.unwrap().name_below(&prefix), named, "{selectors:?}");
        }
    }

    #[test]
    fn too_many_are_refused() {
        let many = (0..=Selectors::MAX).map(|n| n.to_string().parse().unwrap()).collect();
        assert_eq!(Selectors::new(many), Err(SelectorsError { count: 101 }));
    }
}
