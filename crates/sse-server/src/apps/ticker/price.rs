//! Prices as exact decimals: what was quoted is what is sent, digit by digit. No floating point, no currency.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Decimals that a price can have.
const DECIMALS: usize = 6;
/// Millionths in one.
const ONE: i128 = 1_000_000;
/// Decimals that are always written.
const DECIMALS_SHOWN: usize = 2;
/// Largest price. In millionths it is below 2^53, so a reader that takes prices as floating point numbers tells them
/// all apart.
const MAX: i128 = 1_000_000_000 * ONE;

/// A price above 0, or the difference of two, also in percent. Counted in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price(i128);

impl Price {
    /// Reads a plain decimal number.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) {
            return Err("a price is a plain decimal number such as 101.50".into());
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > DECIMALS {
            return Err(format!("a price has at most {DECIMALS} decimals"));
        }
        // What does not fit in a number is out of range in any case.
        let millionths = format!("{whole}{decimals:0<DECIMALS$}").parse().unwrap_or(i128::MAX);
        match sign * millionths {
            price @ 1..=MAX => Ok(Self(price)),
            _ => Err(format!("a price is above 0 and at most {}", MAX / ONE)),
        }
    }

    /// The nearest price of whole cents, at least one and at most [`MAX`].
    pub(super) fn from_cents(cents: f64) -> Self {
        let millionths_in_cent = ONE / 100;
        // A cast of a float saturates, and takes what is no number for 0.
        Self((cents.round() as i128).clamp(1, MAX / millionths_in_cent) * millionths_in_cent)
    }

    /// This price less another one.
    pub(super) fn change_from(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    /// This change in percent of the price that it is from, rounded to hundredths, half away from zero.
    pub(super) fn percent_of(self, base: Self) -> Self {
        let base = base.0.max(1);
        let hundredths = (self.0.abs() * 10_000 + base / 2) / base * self.0.signum();
        Self(hundredths * (ONE / 100))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, millionths) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let decimals = format!("{millionths:0>DECIMALS$}");
        let decimals = decimals.trim_end_matches('0');
        write!(f, "{sign}{whole}.{decimals:0<DECIMALS_SHOWN$}")
    }
}

impl Serialize for Price {
    /// As a JSON number with the digits as they are.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).expect("a decimal number is JSON").serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn what_is_read_is_written_with_two_decimals_at_least() {
        for (text, written) in [
            ("101.5", "101.50"),
            ("101", "101.00"),
            ("0.1", "0.10"),
            ("0.30000000000000", "0.30"),
            ("0.000001", "0.000001"),
            ("1.0825", "1.0825"),
            ("007", "7.00"),
            ("1000000000", "1000000000.00"),
        ] {
            assert_eq!(price(text).to_string(), written);
            assert_eq!(serde_json::to_string(&price(text)).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        let refusal = |text| Price::parse(text).unwrap_err();
        for text in ["", ".", "1.", ".5", "+1", "1e3", "1,5", "0x1", "1.2.3", "--1", "-", "NaN", " 1", "١"] {
            assert_eq!(refusal(text), "a price is a plain decimal number such as 101.50", "{text:?}");
        }
        assert_eq!(refusal("0.0000001"), "a price has at most 6 decimals");
        for text in ["0", "0.00", "-1", "1000000000.000001", "99999999999999999999999"] {
            assert_eq!(refusal(text), "a price is above 0 and at most 1000000000", "{text:?}");
        }
    }

    #[test]
    fn differences_are_exact() {
        let change = price("0.3").change_from(price("0.1"));
        assert_eq!(
            (change.to_string(), change.percent_of(price("0.1")).to_string()),
            ("0.20".into(), "200.00".into())
        );
        let change = price("99.99").change_from(price("101.50"));
        assert_eq!(
            (change.to_string(), change.percent_of(price("101.50")).to_string()),
            ("-1.51".into(), "-1.49".into())
        );
        assert_eq!(price("1").change_from(price("1")).percent_of(price("1")).to_string(), "0.00");
        let change = price("0.000001").change_from(price("1000000000"));
        assert_eq!(change.percent_of(price("1000000000")).to_string(), "-100.00");
    }

    #[test]
    fn simulated_prices_are_whole_cents() {
        for (cents, written) in
            [(10_150.4, "101.50"), (0.2, "0.01"), (f64::NAN, "0.01"), (f64::INFINITY, "1000000000.00")]
        {
            assert_eq!(Price::from_cents(cents).to_string(), written);
        }
    }
}
