//! When an event was made, by a time in its JSON data.

use jiff::Timestamp;
use serde_json::Value;

/// Common names of the field, the most likely first.
const NAMES: [&str; 7] = ["time", "timestamp", "ts", "createdAt", "created_at", "dateTime", "date"];
/// Larger data is not parsed.
const MAX_BYTES: usize = 256 << 10;
/// From 2001 to 2128 in seconds. Numbers in this range are seconds, a thousand times as large milliseconds; others are
/// not times.
const SECONDS: std::ops::Range<f64> = 1e9..5e9;

/// The time in the data, if it is a JSON object that has one.
pub(super) fn find(data: &str) -> Option<Timestamp> {
    if data.len() > MAX_BYTES || !data.trim_start().starts_with('{') {
        return None;
    }
    let object: Value = serde_json::from_str(data).ok()?;
    NAMES.iter().find_map(|name| time(object.get(name)?))
}

fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let seconds = if SECONDS.contains(&number) { number } else { number / 1000.0 };
            let millis = SECONDS.contains(&seconds).then_some(seconds * 1000.0)?;
            Timestamp::from_millisecond(millis as i64).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        let expected: Timestamp = "2026-11-22T10:00:00.5Z".parse().unwrap();
        for data in [
            r#"{"time":"2026-11-22T10:00:00.5Z"}"#,
            r#" {"ts":1795341600500}"#,
            r#"{"time":"soon","timestamp":1795341600.5}"#,
            r#"{"createdAt":"2026-11-22T12:00:00.500+02:00"}"#,
        ] {
            assert_eq!(find(data), Some(expected), "{data}");
        }
    }

    #[test]
    fn nothing_else_is_a_time() {
        for data in ["", "hello", "[1]", "{", r#"{"time":12.5}"#, r#"{"time":"noon"}"#, r#"{"ts":1e300}"#] {
            assert_eq!(find(data), None, "{data}");
        }
    }
}
