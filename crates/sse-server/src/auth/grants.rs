//! What somebody may do: the topics they may subscribe to, those they may publish to, and what is for operators. Narrows
//! what is asked for to what is granted; knows no tokens and no HTTP.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sse_core::{Selector, Topic};
use sse_hub::{Selectors, SelectorsError};

/// What is left out is not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grants {
    pub(crate) subscribe: Grant,
    pub(crate) publish: Grant,
    pub(crate) admin: bool,
}

/// The topics of one right; `None` is no topic. Written as a list of at most [`Selectors::MAX`] selectors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub(crate) struct Grant(Option<Selectors>);

/// Why topics are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NarrowError {
    /// A topic that is named, or every topic that is asked for.
    #[error("{0} is not granted")]
    NotGranted(Selector),
    #[error(transparent)]
    TooMany(#[from] SelectorsError),
}

impl Grants {
    pub(crate) fn everything() -> Self {
        let all = || Grant(Some(Selectors::all()));
        Self { subscribe: all(), publish: all(), admin: true }
    }

    /// Is everything granted that `other` grants?
    pub(super) fn include(&self, other: &Self) -> bool {
        self.subscribe.includes(&other.subscribe)
            && self.publish.includes(&other.publish)
            && (self.admin || !other.admin)
    }
}

impl Grant {
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn covers(&self, topic: &Topic) -> bool {
        self.0.as_ref().is_some_and(|granted| granted.match_topic(topic))
    }

    /// By one selector for each: those that only several of ours cover together do not count.
    fn includes(&self, other: &Self) -> bool {
        let granted = || self.0.iter().flat_map(Selectors::iter);
        let is_covered = |selector: &Selector| granted().any(|granted| granted.contains(selector));
        other.0.iter().flat_map(Selectors::iter).all(is_covered)
    }

    /// The topics that are both asked for and granted. Wildcards are narrowed; a topic that is named has to be granted.
    pub(crate) fn narrow(&self, asked: &Selectors) -> Result<Selectors, NarrowError> {
        let granted = match &self.0 {
            Some(granted) if granted.is_all() => return Ok(asked.clone()),
            granted => granted.iter().flat_map(Selectors::iter).collect::<Vec<_>>(),
        };
        let mut narrowed = BTreeSet::new();
        for selector in asked.iter() {
            let mut both = granted.iter().filter_map(|granted| granted.intersection(selector)).peekable();
            if matches!(selector, Selector::Exact(_)) && both.peek().is_none() {
                return Err(NarrowError::NotGranted(selector.clone()));
            }
            narrowed.extend(both);
        }
        match asked.iter().next().filter(|_| narrowed.is_empty()) {
            Some(first) => Err(NarrowError::NotGranted(first.clone())),
            None => Ok(Selectors::new(narrowed.into_iter().cloned().collect())?),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |granted| fmt::Display::fmt(granted, f))
    }
}

impl TryFrom<Vec<String>> for Grant {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let selector = |text: &String| text.parse().map_err(|error| format!("{text:?}: {error}"));
        let selectors = texts.iter().map(selector).collect::<Result<_, String>>()?;
        Selectors::new(selectors).map(|set| Self(Some(set))).map_err(|error| error.to_string())
    }
}

impl From<Grant> for Vec<String> {
    fn from(Grant(granted): Grant) -> Self {
        granted.iter().flat_map(Selectors::iter).map(Selector::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grant(selectors: &[&str]) -> Grant {
        Grant::try_from(selectors.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn asked(selectors: &[&str]) -> Selectors {
        Selectors::new(selectors.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn wildcards_are_narrowed_and_named_topics_are_granted_or_refused() {
        let granted = grant(&["chat/*", "news"]);
        let narrow = |selectors| granted.narrow(&asked(selectors)).map(|set| set.to_string());
        let refused = |selector: &str| Err(NarrowError::NotGranted(selector.parse().unwrap()));
        assert_eq!(narrow(&["*"]), Ok("chat/* news".into()));
        assert_eq!(narrow(&["chat/a/*", "news"]), Ok("chat/a/* news".into()));
        assert_eq!(narrow(&["chat/*", "orders/*"]), Ok("chat/*".into()));
        assert_eq!(narrow(&["orders/*"]), refused("orders/*"));
        assert_eq!(narrow(&["chat/*", "orders/1"]), refused("orders/1"));
        assert_eq!(narrow(&["chat"]), refused("chat"));
    }

    #[test]
    fn what_includes_another_grants_no_less() {
        let grants = |subscribe: &[&str], publish: &[&str], admin| Grants {
            subscribe: grant(subscribe),
            publish: grant(publish),
            admin,
        };
        let old = grants(&["chat/*", "news"], &["chat/a"], false);
        for (new, expected) in [
            (old.clone(), true),
            (Grants::everything(), true),
            (grants(&["*"], &["chat/*"], false), true),
            (grants(&["chat/*"], &["chat/a"], false), false),
            (grants(&["chat/a/*", "news"], &["chat/a"], false), false),
            (grants(&["*"], &[], true), false),
        ] {
            assert_eq!(new.include(&old), expected, "{new:?}");
        }
        assert!(!Grants { admin: false, ..Grants::everything() }.include(&Grants::everything()));
        assert!(old.include(&Grants::default()) && !Grants::default().include(&old));
    }

    #[test]
    fn an_empty_list_grants_nothing() {
        for grants in ["{}", r#"{"subscribe":[],"publish":[]}"#] {
            let grants: Grants = serde_json::from_str(grants).unwrap();
            assert_eq!(grants, Grants::default());
            assert!(grants.subscribe.narrow(&Selectors::all()).is_err());
        }
    }

    #[test]
    fn what_is_written_is_read_and_mistakes_are_named() {
        let text = r#"{"subscribe":["chat/*","news"],"publish":["*"],"admin":true}"#;
        let grants: Grants = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&grants).unwrap(), text);
        for (text, said) in [
            (r#"{"subscibe":["a"]}"#, "unknown field `subscibe`"),
            (r#"{"subscribe":["a b"]}"#, "cannot contain ' '"),
            (r#"{"subscribe":"a"}"#, "expected a sequence"),
        ] {
            let error = serde_json::from_str::<Grants>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let many: Vec<String> = (0..=Selectors::MAX).map(|n| n.to_string()).collect();
        assert!(Grant::try_from(many).unwrap_err().contains("at most 100"));
    }

    #[test]
    fn a_narrowed_set_is_no_larger_than_another() {
        let many: Vec<String> = (0..Selectors::MAX).map(|n| format!("a/{n}")).collect();
        let granted = Grant::try_from(many).unwrap();
        assert_eq!(granted.narrow(&asked(&["*"])).unwrap().iter().count(), Selectors::MAX);
        let twice = Grant::try_from(["a/*", "b/*"].map(String::from).to_vec()).unwrap();
        let wide: Vec<String> = (0..Selectors::MAX - 1).map(|n| format!("a/{n}")).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).chain(["*"]).collect();
        assert_eq!(twice.narrow(&asked(&wide)).unwrap().to_string(), "a/* b/*");
    }

    /// Topics of up to three segments, each `a` or `b`.
    fn topics() -> Vec<String> {
        let mut topics = vec!["a".to_owned(), "b".to_owned()];
        for from in [0, 2] {
            let longer: Vec<String> = topics[from..]
                .iter()
                .flat_map(|topic| ["a", "b"].map(|end| format!("{topic}/{end}")))
                .collect();
            topics.extend(longer);
        }
        topics
    }

    /// So short that each wants one of [`topics`].
    fn selectors() -> impl Strategy<Value = Vec<String>> {
        let all = topics();
        let wildcards = all.iter().filter(|topic| topic.len() < 5).map(|topic| format!("{topic}/*"));
        let choices: Vec<String> = wildcards.chain(all.clone()).chain(["*".to_owned()]).collect();
        prop::collection::vec(prop::sample::select(choices), 1..5)
    }

    proptest! {
        #[test]
        fn narrowing_is_a_filter(granted in selectors(), wanted in selectors()) {
            let grant = Grant::try_from(granted).unwrap();
            let asked = Selectors::new(wanted.iter().map(|text| text.parse().unwrap()).collect()).unwrap();
            let both = |topic: &Topic| grant.covers(topic) && asked.match_topic(topic);
            let topics: Vec<Topic> = topics().into_iter().map(|name| Topic::new(name).unwrap()).collect();
            match grant.narrow(&asked) {
                Ok(set) => {
                    prop_assert!(topics.iter().all(|topic| set.match_topic(topic) == both(topic)), "{}", set);
                    prop_assert!(topics.iter().any(both));
                }
                Err(NarrowError::NotGranted(Selector::Exact(topic))) => {
                    prop_assert!(asked.match_topic(&topic) && !grant.covers(&topic));
                }
                Err(_) => prop_assert!(!topics.iter().any(both)),
            }
        }
    }
}
