//! What every log promises, as tests. Each implementation runs all of them.

mod changing;
mod ending;
mod listing;

use std::time::Duration;

use sse_core::{Event, Selector, Topic};

use super::*;
use crate::policy::{Durability, LogLimits, Policies, Policy, Retention, SlowConsumer};
use crate::selectors::Selectors;
pub(crate) use changing::new_policies_hold_for_topics_that_are_there;
pub(crate) use ending::{
    a_closed_topic_takes_nothing_until_it_is_deleted, a_deleted_topic_is_gone_and_its_readers_are_told,
    a_topic_that_is_idle_goes_unless_it_is_open, an_event_past_its_time_is_not_given_and_is_no_gap,
};
pub(crate) use listing::{no_more_topics_are_listed_than_are_wanted, topics_are_listed};

/// Makes a test of each promise for one implementation: `log` is an async expression over `policies`.
macro_rules! contract {
    ($($name:ident),* => $open:expr) => {
        $(
            #[tokio::test]
            async fn $name() {
                let open = $open;
                let (_keep, log) = open(crate::log::contract::policies());
                crate::log::contract::$name(&log).await;
            }
        )*
    };
    ($open:expr) => {
        crate::log::contract::contract!(
            merges_topics_in_log_order_page_by_page,
            a_full_page_does_not_claim_to_be_complete,
            a_page_ends_at_its_bytes,
            tells_which_topic_has_lost_records,
            a_known_loss_does_not_hide_a_new_one,
            gives_the_newest_of_topics_that_are_conflated,
            removes_by_count_bytes_and_age,
            finds_the_newest_and_the_time_over_all_wanted_topics,
            a_batch_has_seqs_that_follow_each_other,
            a_key_is_stored_once,
            the_tail_gives_each_record_in_order,
            what_is_acknowledged_can_be_read,
            a_tail_that_falls_behind_is_told,
            new_policies_hold_for_topics_that_are_there,
            topics_are_listed,
            no_more_topics_are_listed_than_are_wanted,
            a_topic_too_many_is_refused_and_stores_nothing,
            a_flood_of_topics_leaves_room_for_those_of_others,
            too_many_bytes_on_the_wire_are_refused_and_stored_nowhere,
            unused_topics_make_room_and_their_loss_is_still_told,
            a_closed_log_says_so_refuses_appends_and_can_be_read,
            a_closed_topic_takes_nothing_until_it_is_deleted,
            a_deleted_topic_is_gone_and_its_readers_are_told,
            an_event_past_its_time_is_not_given_and_is_no_gap,
            a_topic_that_is_idle_goes_unless_it_is_open
            => $open
        );
    };
}
pub(crate) use contract;

/// `newest` is conflated and has a last value, `few` keeps 2 records, `light` 1,000 bytes, `brief` 1 s, `volatile` is in memory.
pub(crate) fn policies() -> Policies {
    let unlimited = Retention { count: None, age: None, bytes: None };
    let rule = |name: &str, durability, retention| {
        (name.parse().unwrap(), Policy { durability, retention, ..Policy::default() })
    };
    let limits = LogLimits { topics: MAX_TOPICS, ..LogLimits::default() };
    let newest = Policy { slow_consumer: SlowConsumer::Conflate, last_value: true, ..Policy::default() };
    Policies::new(vec![
        ("newest".parse().unwrap(), newest),
        ("idle/*".parse().unwrap(), Policy { idle: Some(Duration::from_secs(1)), ..Policy::default() }),
        rule("few", Durability::Disk, Retention { count: Some(2), ..unlimited }),
        rule("brief/*", Durability::Disk, Retention { age: Some(Duration::from_secs(1)), ..unlimited }),
        rule("light", Durability::Disk, Retention { bytes: Some(1000), ..unlimited }),
        rule("brief", Durability::Disk, Retention { age: Some(Duration::from_secs(1)), ..unlimited }),
        rule("volatile", Durability::Memory, Retention { count: Some(10), ..unlimited }),
    ])
    .with_limits(limits)
}

/// Most topics of a log in these tests.
const MAX_TOPICS: usize = 10_000;

/// Most records and bytes of a page.
type Limit = (usize, u64);
const ALL: Limit = (usize::MAX, u64::MAX);

fn draft(topic: &str, data: &str) -> Draft {
    Draft::new(Topic::new(topic).unwrap(), Event::new(data))
}

fn wanting(selectors: &[&str]) -> Selectors {
    let selectors = selectors.iter().map(|text| text.parse::<Selector>().unwrap()).collect();
    Selectors::new(selectors).unwrap()
}

async fn append(log: &impl Log, topic: &str, data: &str) -> u64 {
    let batch = Batch::new(vec![draft(topic, data)], None);
    log.append(batch).await.unwrap().first
}

async fn read(log: &impl Log, selectors: &[&str], after: u64, limit: Limit) -> (Vec<u64>, Page) {
    read_deep(log, selectors, after, limit, ReadMode::All).await
}

async fn read_deep(
    log: &impl Log,
    selectors: &[&str],
    after: u64,
    (max_records, max_bytes): Limit,
    mode: ReadMode,
) -> (Vec<u64>, Page) {
    let read =
        Read { selectors: wanting(selectors), after, acknowledged_removals: 0, mode, max_records, max_bytes };
    let page = log.read(read).await.unwrap();
    (page.records.iter().map(|record| record.seq).collect(), page)
}

pub(crate) async fn merges_topics_in_log_order_page_by_page(log: &impl Log) {
    for topic in ["a", "b", "volatile", "a", "c", "b", "a"] {
        append(log, topic, "").await;
    }
    let limit = (3, u64::MAX);
    let wanted = ["a", "b", "volatile"];
    let (seqs, page) = read(log, &wanted, 0, limit).await;
    assert_eq!((seqs, page.complete_to), (vec![1, 2, 3], 3));
    let (seqs, _) = read(log, &wanted, 3, limit).await;
    assert_eq!(seqs, [4, 6, 7]);
    let (seqs, page) = read(log, &wanted, 7, limit).await;
    assert_eq!((seqs, page.complete_to), (vec![], 7));
    let (seqs, _) = read(log, &["c"], 0, ALL).await;
    assert_eq!(seqs, [5]);
}

pub(crate) async fn a_full_page_does_not_claim_to_be_complete(log: &impl Log) {
    for _ in 0..4 {
        append(log, "a", "").await;
    }
    let (_, page) = read(log, &["*"], 0, (2, u64::MAX)).await;
    assert_eq!(page.complete_to, 2);
}

pub(crate) async fn a_page_ends_at_its_bytes(log: &impl Log) {
    for _ in 0..4 {
        append(log, "a", &"x".repeat(500)).await;
    }
    let (seqs, page) = read(log, &["a"], 0, (usize::MAX, 600)).await;
    assert_eq!((seqs, page.complete_to), (vec![1, 2], 2), "the record that passes the limit is the last");
}

pub(crate) async fn tells_which_topic_has_lost_records(log: &impl Log) {
    for topic in ["few", "few", "few", "many"] {
        append(log, topic, "").await;
    }
    let removed = async |topic| read(log, &[topic], 0, ALL).await.1.lost.removed;
    assert_eq!((removed("few").await, removed("many").await), (1, 0));
    assert_eq!(read(log, &["*"], 0, ALL).await.0, [2, 3, 4]);
}

pub(crate) async fn a_known_loss_does_not_hide_a_new_one(log: &impl Log) {
    for topic in ["many", "few", "few", "few"] {
        append(log, topic, "").await;
    }
    let known = read(log, &["*"], 0, ALL).await.1.removals;
    let lost = async |known| {
        let selectors = wanting(&["*"]);
        let all = (usize::MAX, u64::MAX);
        let (max_records, max_bytes) = all;
        let read = Read {
            selectors,
            after: 0,
            acknowledged_removals: known,
            mode: ReadMode::All,
            max_records,
            max_bytes,
        };
        log.read(read).await.unwrap().lost.removed
    };
    assert_eq!((lost(0).await, lost(known).await), (2, 0));
    append(log, "few", "").await;
    assert_eq!(lost(known).await, 3);
}

pub(crate) async fn gives_the_newest_of_topics_that_are_conflated(log: &impl Log) {
    for topic in ["a", "newest", "newest", "a", "newest", "a"] {
        append(log, topic, "").await;
    }
    let conflated = async |after| read_deep(log, &["*"], after, ALL, ReadMode::Conflated).await;
    let (seqs, page) = conflated(0).await;
    assert_eq!((seqs, page.lost.conflated), (vec![1, 4, 5, 6], true));
    let (seqs, page) = conflated(3).await;
    assert_eq!((seqs, page.lost.conflated), (vec![4, 5, 6], false));
    assert_eq!(read_deep(log, &["*"], 0, ALL, ReadMode::LastValues).await.0, [5]);
    assert_eq!(read_deep(log, &["a"], 0, ALL, ReadMode::LastValues).await.0, [0; 0]);
}

pub(crate) async fn removes_by_count_bytes_and_age(log: &impl Log) {
    for _ in 0..5 {
        append(log, "few", "").await;
        append(log, "light", &"x".repeat(250)).await;
        append(log, "brief", "").await;
    }
    assert_eq!(read(log, &["few"], 0, ALL).await.0, [10, 13]);
    assert_eq!(read(log, &["light"], 0, ALL).await.0, [8, 11, 14]);
    assert_eq!(read(log, &["brief"], 0, ALL).await.0, [3, 6, 9, 12, 15]);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    append(log, "brief", "").await;
    assert_eq!(read(log, &["brief"], 0, ALL).await.0, [16]);
}

pub(crate) async fn finds_the_newest_and_the_time_over_all_wanted_topics(log: &impl Log) {
    for topic in ["few", "a", "b", "few", "a", "few", "b"] {
        append(log, topic, "").await;
    }
    let seek = async |names: &[&str], seek| log.seek(wanting(names), seek).await.unwrap();
    for (names, count, seq) in [
        (&["a", "few"][..], 1, 5),
        (&["a", "few"], 2, 4),
        (&["a", "few"], 3, 2),
        (&["a", "few"], 4, 0),
        (&["a", "few"], 9, 0),
        (&["none"], 3, 0),
        (&["*"], 2, 5),
        (&["b"], 1, 3),
    ] {
        assert_eq!(seek(names, Seek::Last(count)).await, seq, "{names:?} {count}");
    }
    let now_seconds = || u32::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let now = now_seconds();
    // Before the first that is kept; nothing is as young as that; nothing is kept.
    for (names, seconds, seq) in
        [(&["*"][..], 0, 1), (&["few"], 0, 3), (&["b"], 0, 2), (&["*"], now + 60, 7), (&["none"], 0, 7)]
    {
        assert_eq!(seek(names, Seek::Since(seconds)).await, seq, "{names:?} {seconds}");
    }
    let later = now + 2;
    while now_seconds() < later {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let newest = append(log, "b", "").await;
    assert_eq!(seek(&["*"], Seek::Since(later)).await, newest - 1);
}

pub(crate) async fn a_batch_has_seqs_that_follow_each_other(log: &impl Log) {
    let drafts = || ["a", "volatile", "b"].map(|topic| draft(topic, "x")).to_vec();
    let (one, two) =
        tokio::join!(log.append(Batch::new(drafts(), None)), log.append(Batch::new(drafts(), None)));
    let mut firsts = [one, two].map(|receipt| receipt.unwrap().first);
    firsts.sort_unstable();
    assert_eq!(firsts, [1, 4]);
    let (_, page) = read(log, &["*"], 0, ALL).await;
    let topics: Vec<&str> = page.records.iter().map(|record| record.topic.as_str()).collect();
    assert_eq!(topics, ["a", "volatile", "b", "a", "volatile", "b"]);
}

pub(crate) async fn a_key_is_stored_once(log: &impl Log) {
    let send = async |key: &str| {
        let drafts = vec![draft("a", "x"), draft("a", "y")];
        log.append(Batch::new(drafts, Some(key.into()))).await.unwrap()
    };
    let first = send("k").await;
    assert!(!first.repeated);
    append(log, "a", "z").await;
    assert_eq!(send("k").await, AppendReceipt { repeated: true, ..first });
    assert_eq!(send("other").await.first, 4);
    assert_eq!(read(log, &["a"], 0, ALL).await.0, [1, 2, 3, 4, 5]);
}

pub(crate) async fn the_tail_gives_each_record_in_order(log: &impl Log) {
    append(log, "a", "before").await;
    let (mut tail, from) = log.tail();
    assert_eq!(from, 1);
    for topic in ["a", "volatile", "b"] {
        append(log, topic, "").await;
    }
    let mut seqs = Vec::new();
    while seqs.len() < 3 {
        let Tailed::Records(batch) = tail.next().await else { panic!("the tail ended") };
        assert!(batch.iter().all(|record| record.seq <= log.head()), "the tail is ahead of the log");
        seqs.extend(batch.iter().map(|record| record.seq));
    }
    assert_eq!(seqs, [2, 3, 4]);
}

pub(crate) async fn what_is_acknowledged_can_be_read(log: &impl Log) {
    for n in 0..20 {
        let seq = append(log, if n % 2 == 0 { "a" } else { "volatile" }, &n.to_string()).await;
        assert!(log.head() >= seq);
        let (_, page) = read(log, &["*"], seq - 1, ALL).await;
        let frame = String::from_utf8(page.records[0].frame.to_vec()).unwrap();
        assert!(frame.contains(&format!("data: {n}\n")), "{frame}");
        assert!(frame.contains(&format!("id: {}-{seq}\n", log.epochs().current())), "{frame}");
    }
}

pub(crate) async fn a_tail_that_falls_behind_is_told(log: &impl Log) {
    let (mut tail, _) = log.tail();
    for _ in 0..1100 {
        append(log, "volatile", "").await;
    }
    assert!(matches!(tail.next().await, Tailed::Lagged));
}

pub(crate) async fn a_topic_too_many_is_refused_and_stores_nothing(log: &impl Log) {
    let max = MAX_TOPICS;
    let drafts = (0..max).map(|n| draft(&format!("t{}/{n}", n % 5), "")).collect();
    log.append(Batch::new(drafts, None)).await.unwrap();
    let batch = Batch::new(vec![draft("t0/0", ""), draft("one-more", "")], None);
    assert_eq!(log.append(batch).await, Err(AppendError::TooManyTopics { max }));
    assert_eq!(log.head(), max as u64);
    append(log, "t0/0", "").await;
}

pub(crate) async fn a_flood_of_topics_leaves_room_for_those_of_others(log: &impl Log) {
    let max = MAX_TOPICS;
    for batch in 0..10 {
        let drafts = (0..max / 10).map(|n| draft(&format!("flood/{batch}/{n}"), "")).collect();
        let _ = log.append(Batch::new(drafts, None)).await;
    }
    for one in 0.. {
        let refused = log.append(Batch::new(vec![draft(&format!("flood/{one}"), "")], None)).await;
        if matches!(refused, Err(AppendError::TooManyTopicsBelow { .. })) {
            break;
        }
        assert!(one < max / 10 && refused.is_ok(), "{refused:?}");
    }
    append(log, "flood/0/0", "").await;
    append(log, "others/1", "").await;
}

pub(crate) async fn too_many_bytes_on_the_wire_are_refused_and_stored_nowhere(log: &impl Log) {
    // A line end is 7 bytes on the wire.
    let most = (Draft::MAX_FRAME_BYTES - draft("a", "").frame_bytes()) / 7;
    let of_lines = |line_ends| draft("a", &"\n".repeat(line_ends));
    assert!(log.append(Batch::new(vec![of_lines(most)], None)).await.is_ok());
    let refused = log.append(Batch::new(vec![of_lines(most + 1)], None)).await;
    assert!(matches!(refused, Err(AppendError::EventTooLarge { max: 0x20_0000, .. })), "{refused:?}");
    assert!(log.append(Batch::new(vec![of_lines(most); 16], None)).await.is_ok());
    let refused = log.append(Batch::new(vec![of_lines(most); 17], None)).await;
    assert!(matches!(refused, Err(AppendError::BatchTooLarge { max: 0x200_0000, .. })), "{refused:?}");
    assert_eq!(log.head(), 17);
}

pub(crate) async fn unused_topics_make_room_and_their_loss_is_still_told(log: &impl Log) {
    let max = MAX_TOPICS;
    let name = |n| if n <= max / 2 { format!("brief/{n}") } else { format!("t{}/{n}", n % 4) };
    let of_topics = |last| Batch::new((1..=last).map(|n| draft(&name(n), "")).collect(), None);
    assert!(log.append(of_topics(max + 1)).await.is_err(), "they are too many");
    log.append(of_topics(max - 1)).await.unwrap();
    let before = append(log, "kept", "").await;
    let is_let_in = async || {
        let batch = Batch::new(vec![draft("one-more", "")], None);
        log.append(batch).await.is_ok()
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !is_let_in().await {
        assert!(tokio::time::Instant::now() < deadline, "no room was made");
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Publishing lets the log in memory look for what is too old.
        append(log, "kept", "").await;
    }
    let removed = async |names: &[&str], after| read(log, names, after, ALL).await.1.lost.removed;
    assert!(removed(&["*"], 0).await > 0);
    assert!(removed(&["brief/1"], 0).await > 0, "the topic is not there any more");
    assert_eq!(removed(&["kept"], 0).await, 0);
    assert_eq!(removed(&["*"], before).await, 0);
    let (_, page) = read(log, &["*"], 0, ALL).await;
    let read = Read {
        selectors: wanting(&["*"]),
        after: 0,
        acknowledged_removals: page.removals,
        mode: ReadMode::All,
        max_records: 1,
        max_bytes: 1,
    };
    assert_eq!(log.read(read).await.unwrap().lost.removed, 0, "what is known is no loss");
}

pub(crate) async fn a_closed_log_says_so_refuses_appends_and_can_be_read(log: &impl Log) {
    append(log, "a", "").await;
    assert_eq!(log.health().await, Ok(()));
    log.close().await;
    assert_eq!(log.health().await, Err(AppendError::Closed));
    let batch = Batch::new(vec![draft("a", "")], None);
    assert_eq!(log.append(batch).await, Err(AppendError::Closed));
    assert_eq!(read(log, &["a"], 0, ALL).await.0, [1]);
}
