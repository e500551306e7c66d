//! Medians, percentiles and rates, and their formatting.

use std::time::Duration;

/// NaN when nothing was measured.
pub(super) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50.0)
}

/// The smallest figure that is not below `percent` of all.
pub(super) fn percentile(figures: &[f64], percent: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
}

pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Round by round.
pub(super) fn ratios(figures: &[f64], against: &[f64]) -> Vec<f64> {
    figures.iter().zip(against).map(|(figure, against)| figure / against).collect()
}

/// The median of several rounds, with the smallest and the largest.
pub(super) fn spread(ratios: &[f64]) -> String {
    let min = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let max = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.2} (rounds {min:.2} to {max:.2})", median(ratios))
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(figure: f64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_figures() {
        let figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(median(&figures), 100.0);
        assert_eq!(percentile(&figures, 99.0), 198.0);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn large_figures_have_commas() {
        assert_eq!([0.0, 999.4, 1000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
