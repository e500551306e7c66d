//! What the log on disk promises beyond the contract: it survives.

use std::path::Path;

use sse_core::{Event, Topic};

use super::*;
use crate::log::contract::{contract, policies};
use crate::log::{Draft, ReadMode};
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
    let drafts = vec![Draft { topic: Topic::new(topic).unwrap(), event: Event::new("x") }];
    log.append(Batch::new(drafts, key.map(Into::into))).await.unwrap()
}

async fn page(log: &DiskLog, topic: &str) -> Page {
    let selectors = Selectors::exactly(Topic::new(topic).unwrap());
    let read = Read {
        selectors,
        after: 0,
        acknowledged_removals: 0,
        mode: ReadMode::All,
        max_records: 1000,
        max_bytes: u64::MAX,
    };
    log.read(read).await.unwrap()
}

async fn seqs(log: &DiskLog, topic: &str) -> Vec<u64> {
    page(log, topic).await.records.iter().map(|record| record.seq).collect()
}

/// Seqs of the records in the file.
fn in_file(folder: &Path) -> Vec<u64> {
    let store = Store::open(&folder.join("log.sqlite")).unwrap();
    let mut seqs = Vec::new();
    store.each_record(|row| seqs.push(row.seq)).unwrap();
    seqs
}

#[tokio::test]
async fn a_clean_stop_keeps_records_ids_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let epoch = log.epoch();
    for topic in ["a", "volatile", "few", "few", "few"] {
        append(&log, topic, None).await;
    }
    let keyed = append(&log, "a", Some("k")).await;
    drop(log);
    let log = open(folder.path());
    assert_eq!((log.epoch(), log.head()), (epoch, 6));
    assert_eq!(seqs(&log, "a").await, [1, 6]);
    assert_eq!(seqs(&log, "few").await, [4, 5]);
    assert_eq!(page(&log, "few").await.lost.removed, 3);
    let volatile = page(&log, "volatile").await;
    assert_eq!((volatile.records.len(), volatile.lost.removed), (0, 2), "exactly what was there is lost");
    assert_eq!(append(&log, "a", Some("k")).await, AppendReceipt { repeated: true, ..keyed });
    assert_eq!(append(&log, "a", None).await.first, 7);
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
    assert_eq!(restarted.epoch(), log.epoch());
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
    assert_ne!(open(one.path()).epoch(), open(two.path()).epoch());
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

#[tokio::test]
async fn removed_records_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for _ in 0..50 {
        append(&log, "few", None).await;
    }
    drop(log);
    assert_eq!(in_file(folder.path()), [49, 50]);
}

#[tokio::test]
async fn records_between_removed_ones_stay_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let topics = ["few", "few", "a", "few", "a", "a", "few", "few", "few"];
    let draft = |topic| Draft { topic: Topic::new(topic).unwrap(), event: Event::new("x") };
    // In one batch, so that all that goes does so in one purge.
    log.append(Batch::new(topics.map(draft).into(), None)).await.unwrap();
    drop(log);
    assert_eq!(in_file(folder.path()), [3, 5, 6, 8, 9]);
}

#[tokio::test]
async fn the_first_layout_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    drop(log);
    let file = rusqlite::Connection::open(folder.path().join("log.sqlite")).unwrap();
    file.execute_batch("ALTER TABLE meta DROP COLUMN forgotten; PRAGMA user_version = 1;").unwrap();
    drop(file);
    let log = open(folder.path());
    append(&log, "a", None).await;
    assert_eq!(seqs(&log, "a").await, [1, 2]);
    assert_eq!(page(&log, "never").await.lost.removed, 0);
}

#[tokio::test]
async fn that_topics_were_forgotten_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("log.sqlite")).unwrap();
    store.commit(|write| write.set_forgotten(7)).unwrap();
    drop(store);
    let log = open(folder.path());
    assert_eq!(page(&log, "perhaps").await.lost.removed, 7);
    append(&log, "a", None).await;
    assert_eq!(page(&log, "a").await.lost.removed, 0, "a topic that is there was not forgotten");
}
