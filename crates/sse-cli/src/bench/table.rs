//! The report for people: aligned, at most 80 columns, problems in red.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};

use super::report::{Checked, Published, Quantiles, Report, Server};
use crate::escape_terminal::escape_terminal;
use crate::units::{bytes, count, thousands, time};

const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const BOLD: Style = Style::new().effects(Effects::BOLD);

/// Width of the names at the start of each line.
const NAME: usize = 14;
/// A reading thread above this may slow down the deliveries.
const BUSY: f64 = 0.8;

/// The lines, with ANSI colours.
pub(super) fn table(report: &Report) -> String {
    let mut table = Table(format!("{BOLD}{}{BOLD:#}\n\n", escape_terminal(&report.heading())));
    table.streams(report);
    if let Some(published) = &report.published {
        table.published(published);
    }
    table.deliveries(report);
    table.quantiles(report);
    if let Some(server) = &report.server {
        table.server(server);
    }
    table.reader(report);
    table.0
}

struct Table(String);

impl Table {
    fn line(&mut self, name: &str, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{name:<NAME$}{text}");
    }

    /// A continuation line with a problem.
    fn bad(&mut self, text: &str) {
        self.line("", &format!("{BAD}{text}{BAD:#}"));
    }

    fn streams(&mut self, report: &Report) {
        let streams = &report.streams;
        let opened = thousands(streams.opened as f64);
        let opened = format!("{opened} opened in {}", time(streams.opening_seconds));
        let fit = thousands(report.open_files.streams_that_fit as f64);
        self.line("streams", &format!("{opened} {DIM}(the open-file limit allows {fit}){DIM:#}"));
        if let [first, .., last] = streams.sources.as_slice() {
            self.line("", &format!("from {} addresses, {first} to {last}", streams.sources.len()));
        }
        for (reason, number) in &streams.failures {
            self.bad(&format!("{} failed: {}", thousands(*number as f64), escape_terminal(reason)));
        }
        if streams.cut > 0 {
            self.bad(&format!("{} cut before the end", thousands(streams.cut as f64)));
        }
    }

    fn published(&mut self, published: &Published) {
        let Published { planned, acknowledged, connections, rate, size_bytes, .. } = *published;
        let (done, of) = (thousands(acknowledged as f64), count(planned, "event"));
        let connections = count(connections as u64, "connection");
        let text = format!("{done} of {of}: {rate}/s, {size_bytes} B each, over {connections}");
        self.line("published", &text);
        if published.unsent > 0 {
            let unsent = count(published.unsent, "event");
            self.bad(&format!("{unsent} not sent in time: the server is too slow for this rate"));
        }
        if published.unacknowledged > 0 {
            let why = published.failure.as_deref().unwrap_or_default();
            let number = count(published.unacknowledged, "event");
            self.bad(&format!("{number} not acknowledged, first: {}", escape_terminal(why)));
        }
    }

    fn deliveries(&mut self, report: &Report) {
        let deliveries = &report.deliveries;
        let all = thousands(deliveries.count as f64);
        let rate = thousands(deliveries.per_second);
        let wire = bytes(deliveries.bytes_per_second);
        let time = time(report.measured_seconds);
        self.line("deliveries", &format!("{all} in {time}: {BOLD}{rate}/s{BOLD:#}, {wire}/s"));
        if let Some(Checked { lost, doubled, out_of_order, .. }) = deliveries.checked {
            let part = |number: u64, what: &str| {
                let style = if number > 0 { BAD } else { Style::new() };
                format!("{style}{} {what}{style:#}", thousands(number as f64))
            };
            let parts = [part(lost, "lost"), part(doubled, "doubled"), part(out_of_order, "out of order")];
            self.line("", &parts.join(", "));
        }
        if deliveries.oversize > 0 {
            self.bad(&format!("{} too large to decode", count(deliveries.oversize, "event")));
        }
    }

    fn quantiles(&mut self, report: &Report) {
        let heads = ["p50", "p90", "p99", "p99.9", "max"].map(|head| format!("{head:>11}")).concat();
        let _ = writeln!(self.0, "\n{DIM}{:<NAME$}{heads}{DIM:#}", "");
        self.row("connect", Some(report.connect_seconds), Style::new());
        self.row("open", Some(report.open_seconds), Style::new());
        self.row("acknowledge", report.published.as_ref().map(|it| it.acknowledge_seconds), Style::new());
        self.row("latency", report.latency_seconds, BOLD);
        self.row("last reader", report.last_reader_seconds, Style::new());
        self.0.push('\n');
    }

    /// Omitted when nothing was measured.
    fn row(&mut self, name: &str, quantiles: Option<Quantiles>, style: Style) {
        let Some(Quantiles { p50, p90, p99, p999, max, .. }) = quantiles else { return };
        if let (Some(p50), Some(p90), Some(p99), Some(p999), Some(max)) = (p50, p90, p99, p999, max) {
            let figures = [p50, p90, p99, p999, max].map(|figure| format!("{:>11}", time(figure))).concat();
            let _ = writeln!(self.0, "{style}{name:<NAME$}{figures}{style:#}");
        }
    }

    fn server(&mut self, server: &Server) {
        let each = server.cpu_seconds_per_delivery.map(|cpu| format!(", {} a delivery", time_fine(cpu)));
        self.line("server", &format!("{:.2} cores{}", server.cores, each.unwrap_or_default()));
        let stream = server.memory_per_stream_bytes.map(|size| format!(", {} a stream", bytes(size)));
        let (before, most) =
            (bytes(server.memory_before_bytes as f64), bytes(server.memory_max_bytes as f64));
        self.line("", &format!("memory {before} before, {most} at most{}", stream.unwrap_or_default()));
    }

    fn reader(&mut self, report: &Report) {
        let Some(cores) = report.reader_cores else { return };
        let (percent, threads) = (cores * 100.0, count(report.streams.threads as u64, "thread"));
        self.line("this bench", &format!("{percent:.0} % of a core in the busiest of {threads}"));
        if cores > BUSY {
            self.bad("the bench itself may be the bottleneck: try --threads 2, or another machine");
        }
    }
}

/// With nanoseconds below 10 µs.
fn time_fine(seconds: f64) -> String {
    if seconds < 9.995e-6 { format!("{:.2} µs", seconds * 1e6) } else { time(seconds) }
}
