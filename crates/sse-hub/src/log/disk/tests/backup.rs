//! Backups: made while a server writes, checked, and put back. What readers are told then.

use super::*;
use crate::log::disk::backup::backup_log;
use crate::log::disk::restore_backup::restore_log;
use crate::log::disk::verify::{LogCheck, verify_file, verify_log};

/// Names, lengths and contents of what is in a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let file = |file: std::io::Result<std::fs::DirEntry>| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(file).collect();
    files.sort_unstable();
    files
}

/// Changes a file that no server uses.
fn tamper(file: &Path, sql: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
}

/// What is damaged: kind, number of places, and the first.
fn damages(check: &LogCheck) -> Vec<(&'static str, u64, &str)> {
    check.damages.iter().map(|damage| (damage.what, damage.count, damage.places[0].as_str())).collect()
}

/// A folder with the backup of a log, and a place for a restored one.
struct Places {
    folder: tempfile::TempDir,
}

impl Places {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn backup(&self) -> std::path::PathBuf {
        self.folder.path().join("a #1 100%?.backup")
    }

    fn restored(&self) -> std::path::PathBuf {
        self.folder.path().join("restored")
    }
}

async fn resume(log: &Arc<DiskLog>, id: RecordId) -> (Option<GapReason>, Vec<u64>) {
    let hub = crate::Hub::new(Arc::clone(log) as Arc<dyn Log>, policies());
    let selectors = Selectors::exactly(Topic::new("a").unwrap());
    let page = hub.page(&selectors, crate::Start::After(id.to_string()), 1000, u64::MAX).await.unwrap();
    (page.gap.map(|gap| gap.reason), page.events.iter().map(|event| event.id.seq).collect())
}

#[tokio::test]
async fn a_backup_during_writes_is_the_log_as_it_was_at_one_moment() {
    let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
    let log = Arc::new(open(folder.path()));
    append(&log, "a", Some("k")).await;
    for _ in 0..300 {
        append(&log, "few", None).await;
    }
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = tokio::spawn({
        let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
        async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for topic in ["a", "few", "volatile"] {
                    append(&log, topic, None).await;
                }
            }
        }
    });
    for nth in 0..4 {
        let file = places.folder.path().join(nth.to_string());
        let before = log.durable_head();
        let from = folder.path().to_owned();
        let made = tokio::task::spawn_blocking({
            let file = file.clone();
            move || (backup_log(&from, &file).unwrap(), verify_log(&from).unwrap())
        });
        let (report, live) = made.await.unwrap();
        assert_eq!(damages(&live), [], "while it is written");
        let newest = report.contents.newest.unwrap();
        assert!((before..=log.durable_head()).contains(&newest.seq));
        assert_eq!(newest.epoch, log.epochs().current());
        let check = verify_file(&file).unwrap();
        assert_eq!((damages(&check), &check.contents, report.unreadable), (vec![], &report.contents, 0));
        let restored = places.folder.path().join(format!("{nth} restored"));
        restore_log(&file, &restored, false).unwrap();
        let (copy, to) = (open(&restored), newest.seq);
        let prefix = |seqs: Vec<u64>| seqs.into_iter().filter(|seq| *seq <= to).collect::<Vec<_>>();
        let all = Read { max_records: 100_000, ..whole(Selectors::exactly(Topic::new("a").unwrap())) };
        let all = log.read(all).await.unwrap().records.iter().map(|record| record.seq).collect();
        let copied = Read { max_records: 100_000, ..whole(Selectors::exactly(Topic::new("a").unwrap())) };
        let copied = copy.read(copied).await.unwrap();
        assert_eq!(copied.records.iter().map(|record| record.seq).collect::<Vec<_>>(), prefix(all));
        assert_eq!(seqs(&copy, "few").await.len(), 2);
        assert!(append(&copy, "a", Some("k")).await.repeated);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writing.await.unwrap();
}

#[tokio::test]
async fn neither_backup_nor_verify_changes_the_folder() {
    let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
    let log = open(folder.path());
    append(&log, "a", None).await;
    append(&log, "a", None).await;
    let backup = |folder: &Path, name: &str| {
        let before = contents(folder);
        let report = backup_log(folder, &places.folder.path().join(name)).unwrap();
        let check = verify_log(folder).unwrap();
        assert_eq!((damages(&check), check.contents.events), (vec![], 2));
        // Within one process, all connections share the index of the write-ahead log.
        let but_for = if name == "running" { "log.sqlite-shm" } else { "" };
        let files = |files: Vec<(String, _)>| {
            files.into_iter().filter(|(name, _)| name != but_for).collect::<Vec<_>>()
        };
        assert!(files(contents(folder)) == files(before), "changed: {name}");
        report.contents.events
    };
    let (killed, opened) = open_killed(folder.path());
    std::mem::forget(opened);
    drop(log);
    assert_eq!(backup(folder.path(), "stopped"), 2);
    assert_eq!(backup(killed.path(), "running"), 2);
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in contents(killed.path()) {
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    assert_eq!(backup(copy.path(), "killed"), 2);
    std::fs::remove_file(copy.path().join("log.sqlite-shm")).unwrap();
    let error = verify_log(copy.path()).unwrap_err().to_string();
    assert!(error.contains("-shm is missing") && !copy.path().join("log.sqlite-shm").exists(), "{error}");
    std::fs::write(copy.path().join("log.sqlite-shm"), "").unwrap();
    assert_eq!(backup(copy.path(), "as it says"), 2);
}

#[tokio::test]
async fn what_was_published_after_a_backup_is_a_gap_for_every_reader() {
    for was_running in [true, false] {
        let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
        let log = open(folder.path());
        let first = log.epochs().id(append(&log, "a", None).await.first);
        let second = log.epochs().id(append(&log, "a", None).await.first);
        let log = if was_running {
            backup_log(folder.path(), &places.backup()).unwrap();
            log
        } else {
            drop(log);
            backup_log(folder.path(), &places.backup()).unwrap();
            open(folder.path())
        };
        let lost = log.epochs().id(append(&log, "a", None).await.first);
        restore_log(&places.backup(), &places.restored(), false).unwrap();
        let log = Arc::new(open(&places.restored()));
        let new = append(&log, "a", None).await.first;
        let new_id = log.epochs().id(new);
        let past_end = if was_running { GapReason::Lost } else { GapReason::UnknownId };
        let all = if was_running { vec![new] } else { vec![1, 2] };
        assert_eq!(resume(&log, lost).await, (Some(past_end), all), "running: {was_running}");
        assert_eq!(resume(&log, second).await, (Some(GapReason::Lost), vec![new]));
        // The page of a reader from before ends at the place, and the next one says so.
        assert_eq!(resume(&log, first).await, (None, vec![2]));
        assert_eq!(resume(&log, new_id).await, (None, vec![]));
        drop(log);
        let log = Arc::new(open(&places.restored()));
        assert_eq!(log.shared.state().index.losses().len(), 1, "one loss, whatever was restarted");
        assert_eq!(resume(&log, second).await, (Some(GapReason::Lost), vec![new]));
        assert_eq!(resume(&log, new_id).await, (None, vec![]));
    }
}

#[tokio::test]
async fn a_backup_that_is_copied_by_hand_is_a_gap_too() {
    let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
    let log = open(folder.path());
    let id = log.epochs().id(append(&log, "a", None).await.first);
    drop(log);
    backup_log(folder.path(), &places.backup()).unwrap();
    std::fs::create_dir(places.restored()).unwrap();
    std::fs::copy(places.backup(), places.restored().join("log.sqlite")).unwrap();
    // Another program made it.
    std::fs::write(places.restored().join("log.sqlite-wal"), "").unwrap();
    let log = Arc::new(open(&places.restored()));
    assert_eq!(resume(&log, id).await, (Some(GapReason::Lost), vec![]));
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
    let log = open(folder.path());
    append(&log, "a", None).await;
    let refused = |result: Result<(), LogFileError>, why: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    let backup = |folder: &Path, file: &Path| backup_log(folder, file).map(drop);
    let restore = |file: &Path, folder: &Path| restore_log(file, folder, false).map(drop);
    refused(backup(places.folder.path(), &places.backup()), "there is no log in");
    refused(backup(folder.path(), &folder.path().join("backup")), "outside of");
    refused(backup(folder.path(), Path::new("/nowhere/at/all")), "/nowhere/at/all.partial cannot be created");
    backup(folder.path(), &places.backup()).unwrap();
    refused(backup(folder.path(), &places.backup()), "exists; choose another name");
    refused(restore(&places.folder.path().join("none"), &places.restored()), "there is no file");
    refused(restore(&places.backup(), folder.path()), "another process is using it");
    refused(restore(&folder.path().join("log.sqlite"), &places.restored()), "not a backup");
    drop(log);
    refused(restore(&places.backup(), folder.path()), "has a log already");
    // An earlier log's leftovers do not become part of the restored one.
    std::fs::create_dir(places.restored()).unwrap();
    std::fs::write(places.restored().join("log.sqlite-wal"), "stale").unwrap();
    restore(&places.backup(), &places.restored()).unwrap();
    let names: Vec<_> = contents(&places.restored()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lock", "log.sqlite"]);
    let names: Vec<_> = std::fs::read_dir(places.folder.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn what_is_no_log_of_this_version_is_said_clearly() {
    let (folder, places) = (tempfile::tempdir().unwrap(), Places::new());
    append(&open(folder.path()), "a", None).await;
    let file = folder.path().join("log.sqlite");
    for (change, why) in [
        ("PRAGMA user_version = 2", "has layout 2, of an older version; start this version"),
        ("PRAGMA user_version = 99", "use the version of the server that wrote it"),
        ("PRAGMA user_version = 0", "not a log of sse-server"),
        ("PRAGMA user_version = 4; DROP TABLE keys", "it has no table `keys`"),
    ] {
        tamper(&file, change);
        let error = verify_log(folder.path()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(
            backup_log(folder.path(), &places.backup()).is_err() && contents(places.folder.path()).is_empty()
        );
    }
    std::fs::write(&file, "something else entirely".repeat(1000)).unwrap();
    let error = verify_log(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is not an SQLite database"), "{error}");
}

/// 998 records of `a`, one of `b`, a topic that is gone, a key; as a file.
async fn whole_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for topic in ["b", "a"] {
        append(&log, topic, Some(topic)).await;
    }
    let draft = || Draft::new(Topic::new("a").unwrap(), Event::new("x"));
    log.append(Batch::new((0..997).map(|_| draft()).collect(), None)).await.unwrap();
    drop(log);
    let file = folder.path().join("log.sqlite");
    let mut store = Store::open(&file).unwrap();
    store.commit(|write| write.put_gone("gone", 3)).unwrap();
    drop(store);
    (folder, file)
}

#[tokio::test]
async fn every_kind_of_damage_is_found() {
    let (_folder, file) = whole_file().await;
    let check = verify_file(&file).unwrap();
    assert_eq!((damages(&check), check.contents.events, check.contents.topics), (vec![], 999, 2));
    let before = std::fs::read(&file).unwrap();
    let records = "records";
    for (change, what, count, place) in [
        (
            "UPDATE records SET frame = CAST(replace(frame, 'x', 'y') AS BLOB) WHERE seq = 3",
            records,
            1,
            "seq 3: it is not",
        ),
        ("UPDATE records SET frame = x'79' WHERE seq > 100", records, 899, "seq 101: it is not"),
        ("UPDATE records SET seq = 9000 WHERE seq = 3", "pieces", 1, "seqs 1000 to 9000"),
        ("UPDATE records SET time = time + 1 WHERE seq = 2", records, 1, "seq 2: it is not"),
        ("UPDATE records SET sum = NULL WHERE seq = 2", records, 1, "seq 2, topic a: missing"),
        ("UPDATE records SET topic = 1 WHERE seq = 1", records, 1, "seq 1: it is not"),
        ("UPDATE records SET time = 'never' WHERE seq = 2", records, 1, "seq 2, topic a: missing"),
        ("DELETE FROM records WHERE seq = 1", records, 1, "seq 1, topic b: missing"),
        ("DELETE FROM records WHERE seq > 990", records, 9, "seq 991, topic a: missing"),
        ("DELETE FROM pieces WHERE last = 2", "pieces", 1, "seqs 2 to 2: damaged"),
        ("DELETE FROM pieces WHERE last > 2", "pieces", 1, "seqs 3 to 999: damaged"),
        ("UPDATE pieces SET body = x'00' WHERE last = 1", "pieces", 1, "seqs 1 to 1: damaged"),
        ("UPDATE pieces SET first = 1 WHERE last > 2", "pieces", 1, "seqs 1 to 2: they are in two"),
        ("UPDATE topics SET removed = 5 WHERE name = 'b'", "topics", 1, "numbers from 0 on"),
        ("DELETE FROM topics WHERE id = 1", "records", 998, "seq 2: there is no topic with its number 1"),
        ("UPDATE topics SET name = 'c' WHERE name = 'a'", "topics", 1, "numbers from 1 on are damaged"),
        ("UPDATE gone SET seq = 4", "gone topics", 1, "a row is damaged"),
        ("UPDATE keys SET first = 4 WHERE key = 'a'", "idempotency keys", 1, "a row is damaged"),
        (
            "UPDATE parts SET value = replace(value, 'true', 'false') WHERE name = 'meta'",
            "parts",
            1,
            "meta is",
        ),
        ("UPDATE parts SET sum = 1 WHERE name = 'epochs'", "parts", 1, "epochs is damaged"),
        ("DELETE FROM parts WHERE name IN ('losses', 'segments', 'folded')", "parts", 3, "losses is"),
    ] {
        tamper(&file, change);
        let check = verify_file(&file).unwrap();
        let found = damages(&check);
        let is_found = |(found_what, found_count, found_place): &(&str, u64, &str)| {
            (*found_what, *found_count) == (what, count) && found_place.starts_with(place)
        };
        assert!(found.iter().any(is_found), "{change}: {found:?}");
        assert!(check.damages.iter().all(|damage| damage.places.len() <= 20));
        std::fs::write(&file, &before).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_page_is_found_wherever_it_is_and_ends_no_check() {
    let (_folder, file) = whole_file().await;
    let whole = std::fs::read(&file).unwrap();
    let size = 4096;
    for page in 0..whole.len() / size {
        let mut bytes = whole.clone();
        bytes[page * size..(page + 1) * size].fill(0x5a);
        std::fs::write(&file, bytes).unwrap();
        // The first one has the names of the tables; without it there is nothing to check.
        assert!(verify_file(&file).map_or(page == 0, |check| !check.damages.is_empty()), "page {page}");
    }
}

#[tokio::test]
async fn a_damaged_backup_is_restored_if_that_is_asked_for() {
    let (_folder, file) = whole_file().await;
    let places = Places::new();
    tamper(&file, "UPDATE records SET frame = 'y' WHERE seq = 3; DELETE FROM parts WHERE name = 'meta'");
    let error = restore_log(&file, &places.restored(), false).unwrap_err().to_string();
    assert!(error.contains("is damaged (parts, records)") && error.contains("--damaged"), "{error}");
    assert!(!places.restored().join("log.sqlite").exists());
    assert_eq!(restore_log(&file, &places.restored(), true).unwrap().damages.len(), 2);
    let log = Arc::new(open(&places.restored()));
    assert_eq!(seqs(&log, "b").await, [1]);
    assert_eq!(log.shared.state().index.losses().len(), 1);
}

#[tokio::test]
async fn a_backup_leaves_out_records_that_cannot_be_read_and_their_readers_are_told() {
    let (folder, file) = whole_file().await;
    let places = Places::new();
    let leaf = "UPDATE records SET time = 'never' WHERE seq IN (5, 6, 700)";
    tamper(&file, leaf);
    let report = backup_log(folder.path(), &places.backup()).unwrap();
    assert_eq!((report.contents.events, report.unreadable), (996, 2), "two places");
    let check = verify_file(&places.backup()).unwrap();
    assert_eq!(damages(&check), [("records", 3, "seq 5, topic a: missing, or it cannot be read")]);
    restore_log(&places.backup(), &places.restored(), true).unwrap();
    let log = Arc::new(open(&places.restored()));
    let id = log.epochs().id(4);
    assert_eq!(resume(&log, id).await.0, Some(GapReason::Damaged));
}

#[tokio::test]
async fn a_write_ahead_log_that_is_damaged_or_missing_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for _ in 0..20 {
        append(&log, "a", None).await;
    }
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in contents(folder.path()) {
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    assert_eq!(damages(&verify_log(copy.path()).unwrap()), []);
    let wal = copy.path().join("log.sqlite-wal");
    let mut bytes = std::fs::read(&wal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&wal, bytes).unwrap();
    let check = verify_log(copy.path()).unwrap();
    assert_eq!(damages(&check), [("write-ahead log", 1, "it is damaged before its last transaction")]);
    std::fs::remove_file(&wal).unwrap();
    let check = verify_log(copy.path()).unwrap();
    assert_eq!(
        damages(&check),
        [("write-ahead log", 1, "it is missing, after a server that was not stopped")]
    );
}
