//! What the log on disk promises beyond the contract: it survives.

mod backup;
mod damage;
mod epochs;
mod leaving;

use std::path::Path;

use sse_core::payload::GapReason;
use sse_core::{Epoch, Event, RecordId, Topic};

use super::parts::Folded;
use super::*;
use crate::log::contract::{contract, policies};
use crate::log::{Draft, LimitedBytes, Place, ReadMode};
use crate::policy::{LogLimits, Policy};
use crate::selectors::Selectors;

contract!(|policies| {
    let folder = tempfile::tempdir().unwrap();
    let log = DiskLog::open(folder.path(), policies).unwrap();
    (folder, log)
});

fn open(folder: &Path) -> DiskLog {
    DiskLog::open(folder, policies()).unwrap()
}

/// Opens a copy of what is on disk now, as a killed process leaves it.
fn open_killed(folder: &Path) -> (tempfile::TempDir, DiskLog) {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("log.sqlite") {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let log = open(copy.path());
    (copy, log)
}

async fn append(log: &DiskLog, topic: &str, key: Option<&str>) -> AppendReceipt {
    let drafts = vec![Draft::new(Topic::new(topic).unwrap(), Event::new("x"))];
    log.append(Batch::new(drafts, key.map(Into::into))).await.unwrap()
}

fn whole(selectors: Selectors) -> Read {
    let (mode, max_bytes) = (ReadMode::All, u64::MAX);
    Read { selectors, after: 0, acknowledged_removals: 0, mode, max_records: 1000, max_bytes }
}

async fn page(log: &DiskLog, topic: &str) -> Page {
    log.read(whole(Selectors::exactly(Topic::new(topic).unwrap()))).await.unwrap()
}

async fn seqs(log: &DiskLog, topic: &str) -> Vec<u64> {
    page(log, topic).await.records.iter().map(|record| record.seq).collect()
}

/// Seqs of the records in the file.
fn in_file(folder: &Path) -> Vec<u64> {
    let store = Store::open(&folder.join("log.sqlite")).unwrap();
    let mut seqs = Vec::new();
    store.each_record(1, u64::MAX, |record| seqs.push(record.seq)).unwrap();
    seqs
}

#[tokio::test]
async fn a_clean_stop_keeps_records_ids_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let id = |log: &DiskLog, seq| log.epochs().id(seq);
    let first = id(&log, 1);
    for topic in ["a", "volatile", "few", "few", "few"] {
        append(&log, topic, None).await;
    }
    let keyed = append(&log, "a", Some("k")).await;
    drop(log);
    let log = open(folder.path());
    assert_eq!((id(&log, 1), log.head()), (first, 6));
    assert_ne!(log.epochs().current(), first.epoch, "a start is a new epoch");
    assert_eq!(seqs(&log, "a").await, [1, 6]);
    assert_eq!(seqs(&log, "few").await, [4, 5]);
    assert_eq!(page(&log, "few").await.lost.removed, 3);
    let volatile = page(&log, "volatile").await;
    assert_eq!((volatile.records.len(), volatile.lost.removed), (0, 2), "exactly what was there is lost");
    assert_eq!(append(&log, "a", Some("k")).await, AppendReceipt { repeated: true, ..keyed });
    assert_eq!(append(&log, "a", None).await.first, 7);
    assert_eq!(id(&log, 7).epoch, log.epochs().current());
}

#[tokio::test]
async fn a_kill_loses_nothing_acknowledged_and_reuses_no_seq() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", Some("k")).await;
    for _ in 0..10 {
        append(&log, "volatile", None).await;
    }
    append(&log, "few", None).await;
    let (_copy, restarted) = open_killed(folder.path());
    assert_eq!(restarted.epochs().id(1), log.epochs().id(1));
    assert_eq!((seqs(&restarted, "a").await, seqs(&restarted, "few").await), (vec![1], vec![12]));
    assert!(restarted.head() >= log.head(), "a seq in memory could be used again");
    assert!(page(&restarted, "volatile").await.lost.removed >= 11);
    assert_eq!(page(&restarted, "a").await.lost.removed, 0);
    assert!(append(&restarted, "a", Some("k")).await.repeated);
}

#[tokio::test]
async fn an_unfinished_last_write_is_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    append(&log, "a", None).await;
    let torn = tempfile::tempdir().unwrap();
    for name in ["log.sqlite", "log.sqlite-wal"] {
        std::fs::copy(folder.path().join(name), torn.path().join(name)).unwrap();
    }
    let wal = std::fs::OpenOptions::new().write(true).open(torn.path().join("log.sqlite-wal")).unwrap();
    wal.set_len(wal.metadata().unwrap().len() - 100).unwrap();
    let torn_log = open(torn.path());
    assert_eq!(seqs(&torn_log, "a").await, [1]);
}

#[tokio::test]
async fn a_folder_is_used_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let error = DiskLog::open(folder.path(), policies()).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(log);
    open(folder.path());
}

#[tokio::test]
async fn a_new_folder_is_a_new_epoch() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_ne!(open(one.path()).epochs().current(), open(two.path()).epochs().current());
}

#[tokio::test]
async fn what_is_no_log_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.sqlite");
    std::fs::write(&file, "something else entirely, and long enough to have a header".repeat(20)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = DiskLog::open(folder.path(), policies()).unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

async fn try_append(log: &DiskLog, topic: &str) -> Result<AppendReceipt, AppendError> {
    let event = Event::new("x".repeat(1000));
    log.append(Batch::new(vec![Draft::new(Topic::new(topic).unwrap(), event)], None)).await
}

#[tokio::test]
async fn topics_on_disk_are_bounded_together() {
    let folder = tempfile::tempdir().unwrap();
    let limits = LogLimits { disk: Some(10_000), ..LogLimits::default() };
    let log = DiskLog::open(folder.path(), policies().with_limits(limits)).unwrap();
    for topic in 0..9 {
        try_append(&log, &topic.to_string()).await.unwrap();
    }
    let refused = AppendError::OverLimit { what: LimitedBytes::DiskTopics, max: 10_000 };
    assert_eq!(try_append(&log, "a").await, Err(refused));
    assert!(try_append(&log, "volatile").await.is_ok());
    assert_eq!(log.head(), 10);
}

#[tokio::test]
async fn nothing_is_stored_when_the_disk_is_nearly_full() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    try_append(&log, "volatile").await.unwrap();
    try_append(&log, "a").await.unwrap();
    drop(log);
    let limits = LogLimits { free: Some(u64::MAX / 2), ..LogLimits::default() };
    let log = DiskLog::open(folder.path(), policies().with_limits(limits)).unwrap();
    assert_eq!(try_append(&log, "a").await, Err(AppendError::Full));
    assert_eq!(log.health().await, Err(AppendError::Full));
    assert!(try_append(&log, "volatile").await.is_ok());
    assert_eq!(seqs(&log, "a").await, [2]);
}

/// Makes a file of the newest layout one of version 0.1.0.
fn make_old(folder: &Path, layout: i64, epoch: u64) {
    let file = rusqlite::Connection::open(folder.join("log.sqlite")).unwrap();
    let tables = "DROP TABLE parts; DROP TABLE pieces; DROP TABLE gone;
        ALTER TABLE topics RENAME TO new_topics; ALTER TABLE keys RENAME TO new_keys;
        ALTER TABLE records DROP COLUMN sum; ALTER TABLE records DROP COLUMN expires;
        CREATE TABLE meta (one INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, reserved INTEGER NOT NULL,
            clean INTEGER NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, removed INTEGER NOT NULL,
            volatile INTEGER NOT NULL);
        CREATE TABLE keys (key TEXT PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL,
            time INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO topics SELECT id, name, removed, volatile FROM new_topics;
        INSERT INTO keys SELECT key, first, count, time FROM new_keys;
        DROP TABLE new_topics; DROP TABLE new_keys;";
    file.execute_batch(tables).unwrap();
    let reserved = "SELECT max(seq) FROM records";
    file.execute(&format!("INSERT INTO meta VALUES (1, ?, ({reserved}), 1, 0)"), [epoch]).unwrap();
    if layout == 1 {
        file.execute_batch("ALTER TABLE meta DROP COLUMN forgotten").unwrap();
    }
    file.pragma_update(None, "user_version", layout).unwrap();
}

#[tokio::test]
async fn older_layouts_are_brought_up_to_date() {
    for layout in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path());
        let keyed = append(&log, "a", Some("k")).await;
        drop(log);
        make_old(folder.path(), layout, 10);
        let log = open(folder.path());
        append(&log, "a", None).await;
        assert_eq!(seqs(&log, "a").await, [1, 2]);
        assert_eq!(append(&log, "a", Some("k")).await, AppendReceipt { repeated: true, ..keyed });
        assert_eq!(page(&log, "never").await.lost.removed, 0);
        let old = RecordId { epoch: Epoch::from_bits(10), seq: 1 };
        assert_eq!((log.epochs().id(1), log.epochs().find(old, 2)), (old, Some(Place::At(1))), "{layout}");
    }
}

#[tokio::test]
async fn readers_of_many_topics_get_all_that_is_kept_from_pieces_too() {
    const RECORDS: u64 = 70_000;
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let topic =
        |seq: u64| if seq.is_multiple_of(9) { "few".into() } else { format!("t{}/{}", seq % 2, seq % 70) };
    for batch in 0..RECORDS / 7000 {
        let draft = |seq| Draft::new(Topic::new(topic(seq)).unwrap(), Event::new("x"));
        let drafts = (1..=7000).map(|nth| draft(batch * 7000 + nth)).collect();
        log.append(Batch::new(drafts, None)).await.unwrap();
    }
    let few: Vec<u64> = (1..=RECORDS).rev().filter(|seq| seq.is_multiple_of(9)).take(2).collect();
    let wanted = |prefix: &str| -> Vec<u64> {
        let is_wanted = |seq: &u64| match topic(*seq).as_str() {
            "few" => prefix.is_empty() && few.contains(seq),
            name => name.starts_with(prefix),
        };
        (1..=RECORDS).filter(is_wanted).collect()
    };
    let log = {
        drop(log);
        open(folder.path())
    };
    append(&log, "few", None).await;
    for (selector, prefix) in [("*", ""), ("t1/*", "t1/"), ("none/*", "none/")] {
        let selectors = Selectors::new(vec![selector.parse().unwrap()]).unwrap();
        let (mut seqs, mut after) = (Vec::new(), 0);
        while after < RECORDS {
            let read = Read { after, ..whole(selectors.clone()) };
            let page = log.read(read).await.unwrap();
            assert!(page.complete_to > after, "stuck after {after}");
            seqs.extend(page.records.iter().map(|record| record.seq).filter(|seq| *seq <= RECORDS));
            after = page.complete_to;
        }
        // One more of `few` has come, so the older of the two is gone.
        let expected: Vec<u64> = wanted(prefix).into_iter().filter(|seq| *seq != few[1]).collect();
        assert!(seqs == expected, "{selector}: {} of {}", seqs.len(), expected.len());
        for count in [1, 5000, 50_000].into_iter().filter(|count| *count < expected.len()) {
            let before = log.seek(selectors.clone(), crate::start::Seek::Last(count)).await.unwrap();
            let newest = if prefix.is_empty() { count - 1 } else { count };
            assert_eq!(expected.iter().filter(|seq| **seq > before).count(), newest, "{selector} {count}");
        }
        let since = log.seek(selectors.clone(), crate::start::Seek::Since(0)).await.unwrap();
        assert!(since < expected.first().copied().unwrap_or(u64::MAX), "{selector} {since}");
    }
}

#[tokio::test]
async fn a_refused_batch_takes_nothing_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(folder.path()));
    let topic = |name: &str| Topic::new(name).unwrap();
    log.append(Batch::new(vec![Draft::end(topic("closed"))], None)).await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..200 {
        let name = format!("t/{round}");
        let mut refused = vec![Draft::new(topic(&name), Event::new("x"))];
        refused.extend((0..20).map(|nth| Draft::new(topic(&format!("{name}/{nth}")), Event::new("x"))));
        refused.push(Draft::new(topic("closed"), Event::new("x")));
        let one = || Batch::new(vec![Draft::new(topic(&name), Event::new("x"))], None);
        // So that they share a group.
        let (_, first, refused, second) = tokio::join!(
            try_append(&log, "filler"),
            log.append(one()),
            log.append(Batch::new(refused, None)),
            log.append(one())
        );
        assert!(matches!(refused, Err(AppendError::TopicClosed { nth: 22, .. })), "{refused:?}");
        acknowledged.push((name, [first.unwrap().first, second.unwrap().first]));
    }
    let (copy, killed) = open_killed(folder.path());
    for log in [&*log, &killed] {
        for (name, expected) in &acknowledged {
            assert_eq!(seqs(log, name).await, expected, "{name}");
        }
    }
    drop(killed);
    assert!(crate::log::verify_log(copy.path()).unwrap().damages.is_empty());
}
