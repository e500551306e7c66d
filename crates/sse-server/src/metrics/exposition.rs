//! The text of one scrape. Knows how each kind of metric is written, and none of them.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use sse_hub::Histogram;

/// Bytes.
pub(super) const BYTES: Option<&Unit> = Some(&Unit::Bytes);
/// Seconds.
pub(super) const SECONDS: Option<&Unit> = Some(&Unit::Seconds);

/// A metric: its name, without what the text adds (prefix, unit, `_total`); its unit; what it says.
pub(super) type Metric = (&'static str, Option<&'static Unit>, &'static str);

pub(super) struct Exposition<'a>(DescriptorEncoder<'a>);

impl<'a> Exposition<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    pub(super) fn counter(
        &mut self,
        (name, unit, help): Metric,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        let mut one = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        one.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn counters<L: EncodeLabelSet>(
        &mut self,
        (name, unit, help): Metric,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut all = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            all.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    pub(super) fn gauge(&mut self, (name, unit, help): Metric, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    pub(super) fn gauges<L: EncodeLabelSet>(
        &mut self,
        (name, unit, help): Metric,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut all = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        let mut values = values.into_iter();
        values.try_for_each(|(labels, value)| all.encode_family(&labels)?.encode_gauge(&value))
    }

    pub(super) fn histogram(&mut self, (name, unit, help): Metric, histogram: &Histogram) -> fmt::Result {
        let mut one = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        let buckets = histogram.buckets();
        one.encode_histogram::<NoLabelSet>(histogram.sum(), histogram.count(), &buckets, None)
    }

    pub(super) fn info<L: EncodeLabelSet>(&mut self, (name, unit, help): Metric, labels: L) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Info)?.encode_info(&labels)
    }
}
