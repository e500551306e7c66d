//! Records and topics that go: from the file too, and not again after a kill.

use super::*;

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
    let draft = |topic| Draft::new(Topic::new(topic).unwrap(), Event::new("x"));
    // In one batch, so that all that goes does so in one purge.
    log.append(Batch::new(topics.map(draft).into(), None)).await.unwrap();
    drop(log);
    assert_eq!(in_file(folder.path()), [3, 5, 6, 8, 9]);
}

#[tokio::test]
async fn what_is_still_to_be_purged_at_a_kill_is_known_to_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let draft = || Draft::new(Topic::new("few").unwrap(), Event::new("x"));
    log.append(Batch::new((0..5000).map(|_| draft()).collect(), None)).await.unwrap();
    // A group takes some of them along.
    append(&log, "a", None).await;
    let (copy, killed) = open_killed(folder.path());
    assert_eq!(
        (seqs(&killed, "few").await, page(&killed, "few").await.lost.removed),
        (vec![4999, 5000], 4998)
    );
    drop(killed);
    assert_eq!(in_file(copy.path()), [4999, 5000, 5001]);
}

#[tokio::test]
async fn that_topics_were_forgotten_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("log.sqlite")).unwrap();
    bring_up_to_date(&mut store).unwrap();
    store.commit(|write| write.set_part(&Folded([(String::new(), 7)].into()))).unwrap();
    drop(store);
    let log = open(folder.path());
    assert_eq!(page(&log, "perhaps").await.lost.removed, 7);
    append(&log, "a", None).await;
    assert_eq!(page(&log, "a").await.lost.removed, 0, "a topic that is there was not forgotten");
}

#[tokio::test]
async fn a_restart_is_no_idle_time() {
    let folder = tempfile::tempdir().unwrap();
    let idle = Policy { idle: Some(std::time::Duration::from_secs(3600)), ..Policy::default() };
    let policies = || Policies::new(vec![("*".parse().unwrap(), idle)]);
    for expected in 1..4 {
        let log = DiskLog::open(folder.path(), policies()).unwrap();
        append(&log, "a", None).await;
        // The tick looks for what is due.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        assert_eq!(seqs(&log, "a").await.len(), expected);
    }
}

#[tokio::test]
async fn a_topic_that_was_still_leaving_at_a_kill_gives_its_number_to_nobody_before_it_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    append(&log, "leaving", None).await;
    log.delete(Topic::new("leaving").unwrap()).await.unwrap();
    let (copy, killed) = open_killed(folder.path());
    for topic in ["b", "c", "b", "c", "d"] {
        append(&killed, topic, None).await;
    }
    let expected = [("a", 1), ("b", 2), ("c", 2), ("d", 1)];
    for (topic, count) in expected {
        assert_eq!(seqs(&killed, topic).await.len(), count, "{topic}");
    }
    drop(killed);
    let log = open(copy.path());
    for (topic, count) in expected {
        assert_eq!(seqs(&log, topic).await.len(), count, "{topic} after a restart");
    }
    assert_eq!(in_file(copy.path()).len(), 6, "what has left is not in the file");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_deleted_while_a_file_is_not_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    append(&log, "a", None).await;
    let (file, away) = (folder.path().join("log.sqlite"), folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    let refused = log.delete(Topic::new("a").unwrap()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(seqs(&log, "a").await, [1]);
}
