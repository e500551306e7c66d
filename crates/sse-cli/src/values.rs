//! Values on the command line: each parser accepts a range, and its error says what is accepted.

use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) fn integer<T: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match range.into_inner() {
        (min, u64::MAX) => format!("expected a whole number, {min} or more"),
        (min, max) => format!("expected a whole number from {min} to {max}"),
    })
}

pub(crate) fn positive<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    integer(text, 1..=u64::MAX)
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a number with a unit, such as 200ms, 20s, 2m or `1h 30m`".to_owned())
}

pub(crate) fn duration_in(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let time = duration(text)?;
    if range.contains(&time) {
        return Ok(time);
    }
    let [min, max] = [range.start(), range.end()].map(|end| humantime::format_duration(*end));
    Err(format!("expected a duration from {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_is_accepted() {
        assert_eq!(integer::<u8>("7", 1..=255), Ok(7));
        for text in ["0", "256", "x", "", "-1", "1.5"] {
            let error = integer::<u8>(text, 1..=255).unwrap_err();
            assert_eq!(error, "expected a whole number from 1 to 255", "{text}");
        }
        assert_eq!(positive::<u64>("0").unwrap_err(), "expected a whole number, 1 or more");
        assert!(duration("20").unwrap_err().contains("such as 200ms, 20s"));
        let seconds = Duration::from_secs(1)..=Duration::from_secs(3600);
        assert_eq!(duration_in("90s", seconds.clone()), Ok(Duration::from_secs(90)));
        assert_eq!(duration_in("0s", seconds).unwrap_err(), "expected a duration from 1s to 1h");
    }
}
