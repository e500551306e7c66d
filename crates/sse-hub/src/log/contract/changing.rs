//! Policies that change while the log is open.

use super::*;

pub(crate) async fn new_policies_hold_for_topics_that_are_there(log: &impl Log) {
    for topic in ["few", "many", "volatile"] {
        for _ in 0..5 {
            append(log, topic, "").await;
        }
    }
    assert!(read_deep(log, &["*"], 0, ALL, ReadMode::LastValues).await.0.is_empty());
    let retention = |count| Retention { count: Some(count), ..Retention::default() };
    let rule = |name: &str, policy| (name.parse().unwrap(), policy);
    let many = Policy { last_value: true, ..Policy::on_disk(retention(2)) };
    // In another place than before, and the last without a rule of its own.
    let rules = vec![rule("many", many), rule("few", Policy::on_disk(retention(4)))];
    let limits = LogLimits { topics: 3, ..LogLimits::default() };
    let kept = log.set_policies(Policies::new(rules).with_limits(limits)).await;
    assert!(kept.is_some_and(|kept| kept <= 1), "at most the one that was in memory: {kept:?}");
    assert_eq!(read(log, &["many"], 0, ALL).await.0, [9, 10]);
    assert_eq!(read_deep(log, &["*"], 0, ALL, ReadMode::LastValues).await.0, [10]);
    for _ in 0..3 {
        append(log, "few", "").await;
        append(log, "volatile", "").await;
    }
    assert_eq!(read(log, &["few"], 0, ALL).await.0.len(), 4);
    assert_eq!(read(log, &["volatile"], 0, ALL).await.0.len(), 8);
    let refused = log.append(Batch::new(vec![draft("one-more", "")], None)).await;
    assert_eq!(refused, Err(AppendError::TooManyTopics { max: 3 }));
}
