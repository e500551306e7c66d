//! Topics that end: closed, deleted, idle, and events that expire.

use super::*;

pub(crate) async fn a_closed_topic_takes_nothing_until_it_is_deleted(log: &impl Log) {
    let topic = || Topic::new("few").unwrap();
    let close = async |drafts: Vec<Draft>| log.append(Batch::new(drafts, None)).await;
    append(log, "few", "").await;
    append(log, "few", "").await;
    let end = close(vec![draft("few", "last"), Draft::end(topic())]).await.unwrap();
    assert_eq!((end.first, end.count, log.closes(), log.end(&wanting(&["few"]))), (3, 2, 1, Some(4)));
    assert_eq!((log.end(&wanting(&["few", "a"])), log.end(&wanting(&["*"]))), (None, None));
    let again = close(vec![Draft::end(topic())]).await.unwrap();
    assert_eq!(again, AppendReceipt { first: 4, count: 1, repeated: true });
    for batch in
        [vec![draft("a", ""), draft("few", "")], vec![Draft::end(Topic::new("b").unwrap()), draft("b", "")]]
    {
        let refused = close(batch).await;
        assert!(matches!(refused, Err(AppendError::TopicClosed { nth: 2, .. })), "{refused:?}");
    }
    assert_eq!((log.head(), read(log, &["few"], 0, ALL).await.0), (4, vec![3, 4]));
    let frame = String::from_utf8(read(log, &["few"], 3, ALL).await.1.records[0].frame.to_vec()).unwrap();
    assert!(
        frame.contains("event: end\n")
            && frame.contains("hub: end\n")
            && frame.contains("{\"topic\":\"few\"}"),
        "{frame}"
    );
    assert_eq!(log.delete(topic()).await, Ok(Some(Deleted { seq: 5, count: 2 })));
    assert_eq!(append(log, "few", "").await, 6);
    assert_eq!(log.end(&wanting(&["few"])), None);
}

pub(crate) async fn a_deleted_topic_is_gone_and_its_readers_are_told(log: &impl Log) {
    for topic in ["a/b", "a/c", "a/b", "volatile"] {
        append(log, topic, "").await;
    }
    let (mut tail, _) = log.tail();
    let delete = async |name: &str| log.delete(Topic::new(name).unwrap()).await.unwrap();
    assert_eq!(delete("a/b").await, Some(Deleted { seq: 5, count: 2 }));
    let Tailed::Records(batch) = tail.next().await else { panic!("nothing was told") };
    let frame = String::from_utf8(batch[0].frame.to_vec()).unwrap();
    assert!(frame.contains("hub: gap\n") && frame.contains("\"reason\":\"deleted\""), "{frame}");
    assert!(frame.contains("topic: a/b\n"), "{frame}");
    assert_eq!(delete("a/b").await, None);
    assert_eq!(delete("volatile").await, Some(Deleted { seq: 6, count: 1 }));
    let lost = async |names: &[&str], after| read(log, names, after, ALL).await.1.lost.removed;
    assert_eq!((lost(&["a/b"], 0).await, lost(&["a/b"], 5).await), (5, 0));
    assert_eq!((lost(&["a/*"], 1).await, lost(&["*"], 5).await, lost(&["a/c"], 0).await), (5, 6, 0));
    assert_eq!(read(log, &["*"], 0, ALL).await.0, [2]);
    append(log, "a/b", "").await;
    assert_eq!((lost(&["a/b"], 0).await, read(log, &["a/*"], 0, ALL).await.0), (5, vec![2, 7]));
    assert_eq!(log.topic_count().await, Ok(2));
}

pub(crate) async fn an_event_past_its_time_is_not_given_and_is_no_gap(log: &impl Log) {
    append(log, "newest", "").await;
    let brief = |topic| Draft { ttl: Some(Duration::from_millis(1)), ..draft(topic, "") };
    log.append(Batch::new(vec![brief("newest"), draft("a", ""), brief("a")], None)).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while read(log, &["*"], 0, ALL).await.0 != [1, 3] {
        assert!(tokio::time::Instant::now() < deadline, "it is still given");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, page) = read(log, &["*"], 0, ALL).await;
    assert_eq!((page.lost, page.complete_to), (Lost::default(), 4));
    assert_eq!(
        read_deep(log, &["newest"], 0, ALL, ReadMode::LastValues).await.0,
        [0; 0],
        "no older one either"
    );
}

pub(crate) async fn a_topic_that_is_idle_goes_unless_it_is_open(log: &impl Log) {
    let interest = crate::Interest::by_name();
    log.set_interest(interest.clone());
    let open = wanting(&["idle/open"]);
    interest.add(&open);
    for topic in ["idle/a", "idle/open", "a"] {
        append(log, topic, "").await;
    }
    let names = async || {
        // Publishing lets the log in memory look for what is due.
        append(log, "a", "").await;
        let list = TopicList { limit: 10, ..TopicList::default() };
        let topics = log.topics(list).await.unwrap();
        topics.iter().map(|summary| summary.topic.as_str().to_owned()).collect::<Vec<_>>()
    };
    let until = async |wanted: &[&str]| {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while names().await != wanted {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", names().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(&["a", "idle/open"]).await;
    assert_eq!(read(log, &["idle/a"], 0, ALL).await.1.lost.removed, 1);
    interest.remove(&open);
    log.touch(&open);
    until(&["a"]).await;
    assert_eq!(read(log, &["idle/*"], 0, ALL).await.1.lost.removed, 2);
}
