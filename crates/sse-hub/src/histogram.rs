//! Histogram: how often a value was within each of some bounds. Plain numbers; each thread has its own, and they are added up
//! when somebody looks.

use std::time::Duration;

/// Bounds for times: from what a write takes to what a timeout is.
pub(crate) const SECONDS: [f64; 14] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Bounds for numbers of events.
pub(crate) const EVENTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 4096.0];

/// Counts values by bounds.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [f64],
    /// Of each bound those that are above the one before; the last are above all.
    counts: Box<[u64]>,
    sum: f64,
}

impl Histogram {
    /// An empty one with these bounds, the lowest first.
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum: 0.0 }
    }

    pub(crate) fn add_time(&mut self, time: Duration) {
        self.add(time.as_secs_f64(), 1);
    }

    pub(crate) fn add(&mut self, value: f64, times: u64) {
        let nth = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(nth) {
            *count += times;
        }
        self.sum += value * times as f64;
    }

    /// Adds what one with the same bounds has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }

    /// Of all values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bound with the values up to it that are above the one before; the last bound is [`f64::MAX`].
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::MAX]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_up_to_the_next_bound() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for (value, times) in [(0.5, 1), (1.0, 2), (1.5, 1), (9.0, 3)] {
            histogram.add(value, times);
        }
        let mut all = histogram.clone();
        all.merge(&histogram);
        assert_eq!(histogram.buckets(), [(1.0, 3), (2.0, 1), (f64::MAX, 3)]);
        assert_eq!((all.count(), all.sum()), (14, 62.0));
    }
}
