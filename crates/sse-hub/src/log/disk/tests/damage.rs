//! What a reader gets when the file is not as it was written.

use super::*;

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
        "UPDATE records SET frame = frame || 'x' WHERE seq = 3",
        "UPDATE records SET sum = sum + 1 WHERE seq = 3",
        "UPDATE records SET sum = NULL WHERE seq = 3",
        "UPDATE records SET time = 'never' WHERE seq = 3",
    ] {
        let folder = folder_of(5).await;
        tamper(folder.path(), change);
        let (seqs, gaps) = walk(&open(folder.path())).await;
        assert_eq!((seqs, gaps.first().map(|gap| gap.0)), (vec![1, 2, 4, 5], Some(2)), "{change}");
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

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_while_a_file_is_not_where_it_was() {
    for name in ["log.sqlite", "log.sqlite-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path());
        append(&log, "a", None).await;
        let (file, away) = (folder.path().join(name), folder.path().join("away"));
        std::fs::rename(&file, &away).unwrap();
        let refused = try_append(&log, "a").await;
        assert!(matches!(&refused, Err(AppendError::Unavailable(why)) if why.contains(name)), "{refused:?}");
        assert_eq!(seqs(&log, "a").await, [1], "reading goes on");
        std::fs::write(&file, "another").unwrap();
        assert!(try_append(&log, "a").await.is_err());
        std::fs::rename(&away, &file).unwrap();
        assert_eq!(try_append(&log, "a").await.unwrap().first, 2);
    }
}
