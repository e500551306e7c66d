//! What the log on disk promises beyond the contract: it survives.

use std::path::Path;

use sse_core::payload::GapReason;
use sse_core::{Epoch, Event, RecordId, Topic};

use super::*;
use crate::log::contract::{contract, policies};
use crate::log::{Draft, LimitedBytes, Place, ReadMode};
use crate::policy::LogLimits;
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
    store.each_record(|row| seqs.push(row.seq)).unwrap();
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
    log.append(Batch::new(vec![Draft { topic: Topic::new(topic).unwrap(), event }], None)).await
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

/// Makes a file of the newest layout one of version 0.1.0.
fn make_old(folder: &Path, layout: i64, epoch: u64) {
    let file = rusqlite::Connection::open(folder.join("log.sqlite")).unwrap();
    let tables = "DROP TABLE epochs; DROP TABLE losses; DROP TABLE segments;
        ALTER TABLE records DROP COLUMN sum; ALTER TABLE records DROP COLUMN head_sum;
        ALTER TABLE meta ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;";
    file.execute_batch(tables).unwrap();
    file.execute("UPDATE meta SET epoch = ?", [epoch]).unwrap();
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
        append(&log, "a", None).await;
        drop(log);
        make_old(folder.path(), layout, 10);
        let log = open(folder.path());
        append(&log, "a", None).await;
        assert_eq!(seqs(&log, "a").await, [1, 2]);
        assert_eq!(page(&log, "never").await.lost.removed, 0);
        let old = RecordId { epoch: Epoch::from_bits(10), seq: 1 };
        assert_eq!((log.epochs().id(1), log.epochs().find(old, 2)), (old, Some(Place::At(1))), "{layout}");
    }
}

/// What a reader of `a` is told who comes with this id.
async fn resume(log: DiskLog, id: RecordId) -> (Option<GapReason>, Vec<u64>) {
    let hub = crate::Hub::new(Arc::new(log), policies());
    let selectors = Selectors::exactly(Topic::new("a").unwrap());
    let page = hub.page(&selectors, crate::Start::After(id.to_string()), 1000, u64::MAX).await.unwrap();
    (page.gap.map(|gap| gap.reason), page.events.iter().map(|event| event.id.seq).collect())
}

#[tokio::test]
async fn an_older_copy_is_noticed_whatever_was_published_since() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    drop(log);
    let (copy, killed) = open_killed(folder.path());
    drop(killed);
    let log = open(folder.path());
    append(&log, "a", None).await;
    let id = log.epochs().id(append(&log, "a", None).await.first);
    let restored = open(copy.path());
    for _ in 0..10 {
        append(&restored, "a", None).await;
    }
    // The epoch of the id began after the copy was made.
    let (gap, seqs) = resume(restored, id).await;
    assert_eq!((gap, seqs.len()), (Some(GapReason::UnknownId), 11));
    // A copy made within the epoch knows how far it got.
    let (copy, killed) = open_killed(folder.path());
    drop(killed);
    let later = log.epochs().id(append(&log, "a", None).await.first);
    let restored = open(copy.path());
    append(&restored, "a", None).await;
    let head = restored.head();
    assert_eq!(resume(restored, later).await, (Some(GapReason::Lost), vec![head]));
    assert_eq!(resume(open(copy.path()), id).await, (None, vec![head]), "what the copy has is no loss");
}

#[tokio::test]
async fn a_missing_write_ahead_log_is_a_loss_that_every_reader_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let first = log.epochs().id(append(&log, "a", None).await.first);
    drop(log);
    let log = open(folder.path());
    let second = log.epochs().id(append(&log, "a", None).await.first);
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("log.sqlite"), alone.path().join("log.sqlite")).unwrap();
    let log = open(alone.path());
    let head = append(&log, "a", None).await.first;
    let newest = log.epochs().id(head);
    drop(log);
    assert_eq!(resume(open(alone.path()), first).await, (Some(GapReason::Lost), vec![head]));
    assert_eq!(resume(open(alone.path()), second).await, (Some(GapReason::Lost), vec![head]));
    assert_eq!(resume(open(alone.path()), newest).await, (None, vec![]));
}

#[tokio::test]
async fn a_page_ends_at_a_loss_and_the_next_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    append(&log, "a", None).await;
    drop(log);
    let log = open(folder.path());
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("log.sqlite"), alone.path().join("log.sqlite")).unwrap();
    let log_alone = open(alone.path());
    let head = append(&log_alone, "a", None).await.first;
    drop(log);
    let before = page(&log_alone, "a").await;
    assert_eq!(before.records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2]);
    assert!(!before.lost.acknowledged);
    let selectors = Selectors::exactly(Topic::new("a").unwrap());
    let read = Read { after: before.complete_to, ..whole(selectors) };
    let after = log_alone.read(read).await.unwrap();
    assert_eq!(after.records.iter().map(|record| record.seq).collect::<Vec<_>>(), [head]);
    assert!(after.lost.acknowledged);
}

#[tokio::test]
async fn a_damaged_write_ahead_log_is_told_and_one_that_was_cut_off_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for _ in 0..20 {
        append(&log, "a", None).await;
    }
    let wal = std::fs::read(folder.path().join("log.sqlite-wal")).unwrap();
    let lost = |change: &dyn Fn(&mut Vec<u8>)| {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join("log.sqlite"), copy.path().join("log.sqlite")).unwrap();
        let mut wal = wal.clone();
        change(&mut wal);
        std::fs::write(copy.path().join("log.sqlite-wal"), wal).unwrap();
        !open(copy.path()).shared.state().index.losses().is_empty()
    };
    assert!(!lost(&|_| {}), "nothing happened to it");
    for bytes in [1, 100, 4096, 5000, 20_000] {
        assert!(!lost(&|wal: &mut Vec<u8>| wal.truncate(wal.len() - bytes)), "cut by {bytes}");
    }
    let length = wal.len();
    for at in [0, 10, 17, 30, 40, 50, 56, 3000, 9000, length / 2] {
        assert!(lost(&|wal: &mut Vec<u8>| wal[at] ^= 4), "a bit of byte {at} of {length}");
    }
}

#[tokio::test]
async fn readers_of_disk_topics_lose_no_place_in_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(folder.path()));
    append(&log, "a", None).await;
    append(&log, "volatile", None).await;
    let hub = crate::Hub::new(Arc::clone(&log) as Arc<dyn Log>, policies());
    let place = |names: &[&str]| {
        let selectors = names.iter().map(|name| name.parse().unwrap()).collect();
        hub.place(hub.head(), &Selectors::new(selectors).unwrap()).seq
    };
    assert_eq!((place(&["a"]), place(&["a/*", "b"])), (1, 1));
    assert_eq!((place(&["volatile"]), place(&["*"]), place(&["a", "volatile"])), (2, 2, 2));
    let id = hub.place(2, &Selectors::exactly(Topic::new("a").unwrap()));
    let (_copy, killed) = open_killed(folder.path());
    assert_eq!(resume(killed, id).await, (None, vec![]));
}

#[tokio::test]
async fn epochs_without_ids_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        drop(open(folder.path()));
    }
    let log = open(folder.path());
    let first = append(&log, "a", None).await.first;
    let epoch = log.epochs().id(first);
    drop(log);
    for _ in 0..5 {
        drop(open(folder.path()));
    }
    let log = open(folder.path());
    assert_eq!((log.epochs().past().len(), log.epochs().id(first)), (2, epoch));
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

/// Changes the file while no server runs.
fn tamper(folder: &Path, sql: &str) {
    let file = rusqlite::Connection::open(folder.join("log.sqlite")).unwrap();
    file.execute_batch(sql).unwrap();
}

/// Everything that a reader of `a` gets from the beginning, page by page: seqs, and where there are gaps between them.
async fn walk(log: &DiskLog) -> (Vec<u64>, Vec<(u64, &'static str)>) {
    let (mut seqs, mut gaps, mut after) = (Vec::new(), Vec::new(), 0);
    while after < log.head() {
        let read = Read { after, ..whole(Selectors::exactly(Topic::new("a").unwrap())) };
        let page = log.read(read).await.unwrap();
        if page.lost.damaged {
            gaps.push((after, "damaged"));
        }
        if page.lost.acknowledged {
            gaps.push((after, "lost"));
        }
        seqs.extend(page.records.iter().map(|record| record.seq));
        assert!(page.complete_to > after, "stuck after {after}");
        after = page.complete_to;
    }
    (seqs, gaps)
}

async fn folder_of(records: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for _ in 0..records {
        append(&log, "a", None).await;
    }
    folder
}

#[tokio::test]
async fn damaged_frames_are_never_delivered_and_told_where_they_were() {
    let folder = folder_of(6).await;
    tamper(folder.path(), "UPDATE records SET frame = replace(frame, 'x', 'y') WHERE seq IN (1, 3, 4)");
    let log = open(folder.path());
    assert_eq!(walk(&log).await, (vec![2, 5, 6], vec![(0, "damaged"), (2, "damaged")]));
    let hub = crate::Hub::new(Arc::new(log), policies());
    let selectors = Selectors::exactly(Topic::new("a").unwrap());
    let start = crate::Start::After(hub.id(2).to_string());
    let page = hub.page(&selectors, start, 1000, u64::MAX).await.unwrap();
    let gap = page.gap.unwrap();
    assert_eq!((gap.reason, gap.first), (GapReason::Damaged, hub.id(5).to_string()));
}

#[tokio::test]
async fn a_row_that_says_something_else_is_not_taken() {
    for change in [
        "UPDATE records SET seq = 100 WHERE seq = 3",
        "UPDATE records SET time = time + 1 WHERE seq = 3",
        "UPDATE records SET topic = 77 WHERE seq = 3",
        "UPDATE records SET frame = frame || 'x' WHERE seq = 3",
        "UPDATE records SET sum = sum + 1 WHERE seq = 3",
        "UPDATE records SET sum = NULL WHERE seq = 3",
        "UPDATE records SET head_sum = NULL WHERE seq = 3",
        "UPDATE records SET time = 'never' WHERE seq = 3",
    ] {
        let folder = folder_of(5).await;
        tamper(folder.path(), change);
        let (seqs, gaps) = walk(&open(folder.path())).await;
        assert_eq!((seqs, gaps.len()), (vec![1, 2, 4, 5], 1), "{change}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_passed_with_a_gap_and_the_rest_is_served() {
    const RECORDS: usize = 3000;
    let folder = folder_of(RECORDS).await;
    let file = folder.path().join("log.sqlite");
    let whole = std::fs::read(&file).unwrap();
    let pages = whole.len() / 4096;
    let (mut served, mut refused) = (0, 0);
    // The tables' roots and the other tables are among the first pages.
    for page in 0..pages {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0x5a);
        std::fs::write(&file, bytes).unwrap();
        // What the last one left behind, if it could not end.
        for left in ["log.sqlite-wal", "log.sqlite-shm"] {
            let _ = std::fs::remove_file(folder.path().join(left));
        }
        match DiskLog::open(folder.path(), policies()) {
            Ok(log) => {
                let (seqs, gaps) = walk(&log).await;
                assert!(seqs.is_sorted_by(|a, b| a < b), "page {page}");
                assert!(seqs.len() == RECORDS || !gaps.is_empty(), "page {page} is missing in silence");
                served += usize::from(seqs.len() > RECORDS / 2);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(served > pages / 2, "{served} of {pages} served, {refused} refused");
}
