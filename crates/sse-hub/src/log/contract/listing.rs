//! What every log promises of lists of topics.

use super::*;

pub(crate) async fn topics_are_listed(log: &impl Log) {
    for topic in ["b", "few", "few", "few"] {
        append(log, topic, "").await;
    }
    let topics = log.topics(TopicList { limit: 1000, ..TopicList::default() }).await.unwrap();
    assert_eq!(log.topic_count().await, Ok(2));
    let names: Vec<&str> = topics.iter().map(|summary| summary.topic.as_str()).collect();
    assert_eq!(names, ["b", "few"]);
    assert_eq!((topics[1].count, topics[1].span), (2, Some((3, 4))));
    assert!(topics[1].bytes > 0);
}

pub(crate) async fn no_more_topics_are_listed_than_are_wanted(log: &impl Log) {
    for topic in ["a", "a-b", "a/b", "a/c", "a/c/d", "b/c", "c"] {
        append(log, topic, "").await;
    }
    for (wanted, prefix, after, limit, newest_first, expected) in [
        (&["a/*"][..], "", None, 9, false, &["a/b", "a/c", "a/c/d"][..]),
        (&["a/*", "a/c/*", "a/b", "a", "c"], "", None, 9, false, &["a", "a/b", "a/c", "a/c/d", "c"]),
        (&["a/*", "c"], "", None, 2, false, &["a/b", "a/c"]),
        (&["a/*", "a", "c"], "", Some("a"), 9, false, &["a/b", "a/c", "a/c/d", "c"]),
        (&["a/*", "b/*"], "a/c", None, 9, false, &["a/c", "a/c/d"]),
        (&["a", "c/d"], "a", None, 9, false, &["a"]),
        (&["a/*", "a"], "", None, 2, true, &["a/c/d", "a/c"]),
    ] {
        let selectors = Selectors::new(wanted.iter().map(|text| text.parse().unwrap()).collect()).unwrap();
        let after = after.map(|name: &str| Topic::new(name).unwrap());
        let list = TopicList { selectors, prefix: prefix.into(), after, limit, newest_first };
        let listed = log.topics(list).await.unwrap();
        let names: Vec<&str> = listed.iter().map(|summary| summary.topic.as_str()).collect();
        assert_eq!(names, expected, "{wanted:?} {prefix:?}");
    }
}
