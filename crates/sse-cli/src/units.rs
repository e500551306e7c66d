//! Numbers formatted for people: thousands separators, and times and sizes with a fitting unit.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 stream`, `2,000 streams`
pub(crate) fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(number as f64), if number == 1 { "" } else { "s" })
}

/// `3.2 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Three digits and a unit: `63 µs`, `1.24 ms`, `12.4 ms`, `2.51 s`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds * 1e6 {
        micros if micros < 999.5 => format!("{micros:.0} µs"),
        micros if micros < 999_500.0 => format!("{} ms", three_digits(micros / 1e3)),
        micros => format!("{} s", three_digits(micros / 1e6)),
    }
}

/// `812 B`, `10.6 KiB`, `1.20 GiB`
pub(crate) fn bytes(bytes: f64) -> String {
    let mut size = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1000.0 {
            let figure = if unit == "B" { format!("{size:.0}") } else { three_digits(size) };
            return format!("{figure} {unit}");
        }
        size /= 1024.0;
    }
    format!("{} TiB", three_digits(size))
}

fn three_digits(figure: f64) -> String {
    match figure {
        figure if figure < 9.995 => format!("{figure:.2}"),
        figure if figure < 99.95 => format!("{figure:.1}"),
        figure => thousands(figure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.0, 999.4, 1000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        let times = [0.0, 63e-6, 0.000_999_9, 0.001_239, 0.012_35, 0.9, 2.507, 3600.0];
        assert_eq!(
            times.map(time),
            ["0 µs", "63 µs", "1.00 ms", "1.24 ms", "12.3 ms", "900 ms", "2.51 s", "3,600 s"]
        );
        assert_eq!([812.0, 10_854.0, 1_288_490_188.0].map(bytes), ["812 B", "10.6 KiB", "1.20 GiB"]);
        assert_eq!([count(1, "stream"), count(2000, "stream")], ["1 stream", "2,000 streams"]);
    }
}
