//! What the log's clock makes of clocks that are wrong.

use super::*;

const DAY: i64 = 24 * HOLD;
/// In 2026.
const NOW: i64 = 1_790_000_000_000;

fn reading(wall: i64, monotonic: i64) -> Reading {
    Reading { wall, monotonic }
}

/// A clock that was started at [`NOW`] without records.
fn started() -> LogTime {
    let mut log_time = LogTime::default();
    log_time.start(None, 1, reading(NOW, 0));
    log_time
}

fn stamp(wall: i64) -> u32 {
    u32::try_from(wall / 1000).unwrap()
}

/// Age in seconds of a record with this seq, stamped at `wall`.
fn age(log_time: &LogTime, seq: u64, wall: i64, now: Reading) -> i64 {
    log_time.now(now).div_euclid(1000) - log_time.time(seq, stamp(wall))
}

#[test]
fn a_clock_that_is_right_changes_nothing() {
    let mut log_time = started();
    for hour in 0..100_i64 {
        log_time.look(hour.unsigned_abs(), reading(NOW + hour * HOLD + hour, hour * HOLD));
    }
    assert_eq!(log_time.changed(), None);
    assert_eq!(age(&log_time, 5, NOW, reading(NOW + DAY, DAY)), DAY / 1000);
}

#[test]
fn ages_do_not_go_by_a_clock_that_is_set() {
    for jump in [-10 * 365 * DAY, -DAY, -2000, 2000, 8 * DAY, 10 * 365 * DAY] {
        let mut log_time = started();
        log_time.look(10, reading(NOW + jump + 1000, 1000));
        let during = reading(NOW + jump + 3000, 3000);
        assert_eq!(age(&log_time, 5, NOW, during), 3, "before, {jump}");
        assert_eq!(age(&log_time, 10, NOW + jump + 1000, during), 2, "with the wrong time, {jump}");
        log_time.look(20, reading(NOW + 4000, 4000));
        let after = reading(NOW + 5000, 5000);
        let ages = [(5, NOW), (10, NOW + jump + 1000), (20, NOW + 4000)];
        assert_eq!(ages.map(|(seq, wall)| age(&log_time, seq, wall, after)), [5, 4, 1], "{jump}");
        // An hour later still.
        log_time.look(30, reading(NOW + 2 * HOLD, 2 * HOLD));
        assert_eq!(age(&log_time, 10, NOW + jump + 1000, reading(NOW + 2 * HOLD, 2 * HOLD)), 7199, "{jump}");
    }
}

#[test]
fn time_while_stopped_counts_after_an_hour() {
    let mut log_time = LogTime::with_segments(Vec::new());
    let start = NOW + 8 * DAY;
    log_time.start(Some((5, NOW.unsigned_abs())), 101, reading(start, 0));
    let look = |log_time: &mut LogTime, millis| {
        log_time.look(102, reading(start + millis, millis));
        age(log_time, 5, NOW, reading(start + millis, millis))
    };
    assert_eq!(look(&mut log_time, HOLD - 1000), 3599);
    assert_eq!(look(&mut log_time, HOLD), 8 * DAY / 1000 + 3600);
    assert_eq!(age(&log_time, 101, start, reading(start + HOLD, HOLD)), 3600, "appended since");
    // And over the next start.
    let segments = log_time.changed().unwrap().to_vec();
    let mut log_time = LogTime::with_segments(segments);
    let newest = Some((101, start.unsigned_abs()));
    log_time.start(newest, 201, reading(start + 30_000, 0));
    assert_eq!(age(&log_time, 5, NOW, reading(start + 30_000, 0)), 8 * DAY / 1000 + 30);
}

#[test]
fn a_wrong_clock_at_the_start_never_counts() {
    let mut log_time = LogTime::with_segments(Vec::new());
    log_time.start(Some((5, NOW.unsigned_abs())), 101, reading(NOW + 8 * DAY, 0));
    log_time.look(110, reading(NOW + 2000, 2000));
    log_time.look(120, reading(NOW + 2 * HOLD, 2 * HOLD));
    let now = reading(NOW + 2 * HOLD, 2 * HOLD);
    assert_eq!(age(&log_time, 5, NOW, now), 7200);
    assert_eq!(age(&log_time, 101, NOW + 8 * DAY, now), 7200);
    // Put right while the server was stopped.
    let mut log_time = LogTime::with_segments(Vec::new());
    log_time.start(Some((5, NOW.unsigned_abs())), 101, reading(NOW + 8 * DAY, 0));
    let mut log_time = LogTime::with_segments(log_time.changed().unwrap().to_vec());
    log_time.start(Some((101, (NOW + 8 * DAY).unsigned_abs())), 201, reading(NOW + 5000, 0));
    log_time.look(202, reading(NOW + 2 * HOLD, 2 * HOLD));
    assert!(age(&log_time, 5, NOW, reading(NOW + 2 * HOLD, 2 * HOLD)) <= 7205);
}

#[test]
fn a_start_a_little_behind_the_newest_record_is_no_long_rest() {
    let mut log_time = started();
    // Wrong for two seconds.
    log_time.look(10, reading(NOW - 8 * DAY + 1000, 1000));
    log_time.look(20, reading(NOW + 3000, 3000));
    let mut log_time = LogTime::with_segments(log_time.changed().unwrap().to_vec());
    log_time.start(Some((25, (NOW + 4000).unsigned_abs())), 101, reading(NOW + 3000, 0));
    let now = reading(NOW + 3000 + HOLD, HOLD);
    log_time.look(102, now);
    assert!(age(&log_time, 22, NOW + 3500, now) <= 3601);
}

#[test]
fn a_life_in_the_past_is_put_right_at_the_next_start() {
    let mut log_time = LogTime::with_segments(Vec::new());
    log_time.start(Some((5, NOW.unsigned_abs())), 101, reading(NOW - 3650 * DAY, 0));
    let mut log_time = LogTime::with_segments(log_time.changed().unwrap().to_vec());
    log_time.start(Some((101, (NOW - 3650 * DAY).unsigned_abs())), 201, reading(NOW + 10_000, 0));
    let now = reading(NOW + 2 * HOLD, 2 * HOLD - 10_000);
    log_time.look(202, now);
    assert_eq!(age(&log_time, 5, NOW, now), 7200);
    assert_eq!(age(&log_time, 101, NOW - 3650 * DAY, now), 7200);
}

#[test]
fn a_first_start_in_1970_is_put_right() {
    let mut log_time = LogTime::default();
    log_time.start(None, 1, reading(1000, 0));
    log_time.look(10, reading(NOW, 2000));
    log_time.look(11, reading(NOW + 2 * HOLD, 2 * HOLD));
    assert_eq!(age(&log_time, 1, 1000, reading(NOW + 2 * HOLD, 2 * HOLD)), 7200);
}

#[test]
fn since_goes_by_the_clock_of_today() {
    let mut log_time = started();
    // Ahead by 8 days for a while.
    log_time.look(10, reading(NOW + 8 * DAY + 10_000, 10_000));
    log_time.look(20, reading(NOW + 20_000, 20_000));
    let is_since = |seq, wall, since| log_time.is_since(seq, stamp(wall), stamp(since));
    assert!(is_since(5, NOW, NOW));
    assert!(!is_since(5, NOW, NOW + 1000));
    assert!(is_since(10, NOW + 8 * DAY + 10_000, NOW + 10_000));
    assert!(!is_since(10, NOW + 8 * DAY + 10_000, NOW + 12_000));
    assert!(is_since(20, NOW + 20_000, NOW + 20_000));
    // Stopped for a day: that is believed at once.
    let mut log_time = LogTime::with_segments(Vec::new());
    log_time.start(Some((5, NOW.unsigned_abs())), 101, reading(NOW + DAY, 0));
    assert!(!log_time.is_since(5, stamp(NOW), stamp(NOW + 1000)));
    assert!(log_time.is_since(5, stamp(NOW), stamp(NOW)));
}

#[test]
fn segments_are_bounded() {
    let mut log_time = started();
    for nth in 0..5000 {
        let wall = NOW + if nth % 2 == 0 { DAY } else { 0 };
        log_time.look(u64::try_from(nth).unwrap() + 2, reading(wall + nth, nth));
    }
    assert_eq!(log_time.changed().unwrap().len(), MAX_SEGMENTS);
}
