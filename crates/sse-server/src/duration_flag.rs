//! Times in flags: a number and a unit, within limits.

use std::time::Duration;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Reads a time; an error says what is accepted.
pub(crate) fn duration_within(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 500ms, 2s or 5m"))?;
    if time < least || time > most {
        let [least, most] = [least, most].map(humantime::format_duration);
        return Err(format!("must be from {least} to {most}"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_limits() {
        let within = |text| duration_within(text, Duration::from_millis(200), HOUR);
        assert_eq!(within("500ms"), Ok(Duration::from_millis(500)));
        assert!(within("2").unwrap_err().contains("such as 500ms"));
        assert_eq!(within("1ms").unwrap_err(), "must be from 200ms to 1h");
    }
}
