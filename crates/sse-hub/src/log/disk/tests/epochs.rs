//! Restarts, copies and lost files: which ids go on working, and who is told of a gap.

use super::*;

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
async fn an_idle_log_that_is_killed_again_and_again_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    log.close().await;
    drop(log);
    let mut killed = (folder, None);
    for nth in 0..4 {
        let (copy, log) = open_killed(killed.0.path());
        assert!(log.shared.state().index.losses().is_empty(), "{nth}");
        assert_eq!(seqs(&log, "a").await.len(), 1, "{nth}");
        killed = (copy, Some(log));
    }
}

#[tokio::test]
async fn a_power_cut_while_a_start_moves_its_first_pages_loses_nothing() {
    const PAGE: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.sqlite");
    let log = open(folder.path());
    for _ in 0..3 {
        append(&log, "a", None).await;
    }
    log.close().await;
    drop(log);
    let before = std::fs::read(&file).unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    let (after, wal) =
        (std::fs::read(&file).unwrap(), std::fs::read(folder.path().join("log.sqlite-wal")).unwrap());
    assert!(before != after, "some were moved");
    // None of them had reached the disk, or all, or some.
    for seed in 0..16 {
        let mut is_moved = fastrand::Rng::with_seed(seed);
        let mut cut = before.clone();
        cut.resize(after.len(), 0);
        for (page, moved) in cut.chunks_mut(PAGE).zip(after.chunks(PAGE)) {
            if seed == 1 || seed > 1 && is_moved.bool() {
                page.copy_from_slice(moved);
            }
        }
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("log.sqlite"), cut).unwrap();
        std::fs::write(copy.path().join("log.sqlite-wal"), &wal).unwrap();
        let log = open(copy.path());
        assert!(log.shared.state().index.losses().is_empty(), "{seed}");
        assert_eq!(seqs(&log, "a").await.len(), 4, "{seed}");
        assert!(!copy.path().join("log.sqlite-wal.1").exists(), "{seed}");
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_is_just_begun_again_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    drop(log);
    // Only its first start begins it again by itself.
    let log = open(folder.path());
    append(&log, "a", None).await;
    let (file, wal) = (folder.path().join("log.sqlite"), folder.path().join("log.sqlite-wal"));
    // As SQLite does it: everything is moved, then the header is written.
    let (main, old, begun) = {
        let copy = tempfile::tempdir().unwrap();
        let [main, old] = [(&file, "log.sqlite"), (&wal, "log.sqlite-wal")].map(|(from, name)| {
            std::fs::copy(from, copy.path().join(name)).unwrap();
            copy.path().join(name)
        });
        let store = rusqlite::Connection::open(&main).unwrap();
        store.pragma_update(None, "wal_checkpoint", "restart").unwrap();
        let (moved, used) = (std::fs::read(&main).unwrap(), std::fs::read(&old).unwrap());
        store.execute("INSERT OR REPLACE INTO marks VALUES (1, 7)", []).unwrap();
        (moved, used, std::fs::read(&old).unwrap())
    };
    let header = &begun[..32];
    assert!(header != &old[..32]);
    for (rest, is_lost) in [(&old[32..], false), (&[][..], true)] {
        let found = tempfile::tempdir().unwrap();
        std::fs::write(found.path().join("log.sqlite"), &main).unwrap();
        std::fs::write(found.path().join("log.sqlite-wal"), [header, rest].concat()).unwrap();
        let log = open(found.path());
        assert_eq!(!log.shared.state().index.losses().is_empty(), is_lost, "{}", rest.len());
        assert_eq!(seqs(&log, "a").await.len(), 2);
    }
}
