//! The latencies of a run as an SVG image: their distribution, and their course over time. Follows the light or dark
//! scheme of the viewer; no script, no embedded font.

use std::fmt::Write;

use super::measurement::Step;
use super::report::Quantiles;
use super::tally::Latencies;
use crate::units::{thousands, time};

/// Of the image.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 640.0;
/// Of both panels, with room for labels on the left and on the right.
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 60.0;
const PANEL: f64 = 200.0;
const TOPS: [f64; 2] = [104.0, 388.0];
/// Points of the distribution per nine.
const POINTS_PER_NINE: u32 = 24;
/// The axis ends at 99.9999 %.
const MAX_NINES: f64 = 6.0;

const STYLE: &str = "\
svg{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--dim:#59636e;--line:#d9dee3;--a:#0b62c4;--b:#b3450b;--c:#8b929a}\
@media(prefers-color-scheme:dark){svg{--paper:#14171b;--ink:#e9ecef;--dim:#a0a9b2;--line:#343a41;--a:#62aef7;--b:#f0935a;--c:#7c858e}}\
.paper{fill:var(--paper)}text{font:13px system-ui,sans-serif;fill:var(--dim)}.head{font-size:16px;font-weight:600;fill:var(--ink)}\
.name{font-weight:600;fill:var(--ink)}.grid{stroke:var(--line);stroke-width:1}path{fill:none;stroke-width:2;stroke-linejoin:round}\
.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c);stroke-dasharray:4 3}text.a,text.b,text.c{stroke:none;font-weight:600}\
text.a{fill:var(--a)}text.b{fill:var(--b)}text.c{fill:var(--dim)}";

/// Latencies on a logarithmic axis, in microseconds.
struct Scale {
    least: f64,
    most: f64,
}

/// Draws both panels. `title` is plain text.
pub(super) fn svg(title: &str, latencies: &Latencies, steps: &[Step]) -> String {
    let mut image = Image(String::new());
    let summary = summary(latencies);
    let (title, escaped) = (escape(title), escape(&summary));
    image.put(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"t d\"><title id=\"t\">{title}</title><desc id=\"d\">{escaped}</desc><style>{STYLE}</style>\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"
    ));
    image.text(24.0, 32.0, "head", "start", &title);
    image.text(24.0, 54.0, "", "start", &escaped);
    let scale = Scale::of(latencies, steps);
    let [first, second] = TOPS;
    image.by_percentile(first, &scale, latencies);
    image.over_time(second, &scale, steps);
    image.put("</svg>");
    image.0
}

fn summary(latencies: &Latencies) -> String {
    let at = |quantile: f64| time(latencies.value_at_quantile(quantile) as f64 / 1e6);
    let (count, most) = (thousands(latencies.len() as f64), time(latencies.max() as f64 / 1e6));
    format!(
        "{count} deliveries, from when each was due: p50 {}, p99 {}, p99.9 {}, max {most}",
        at(0.5),
        at(0.99),
        at(0.999)
    )
}

impl Scale {
    /// From power of ten to power of ten around all values.
    fn of(latencies: &Latencies, steps: &[Step]) -> Self {
        let lowest =
            steps.iter().filter_map(|step| step.latency.p50).fold(latencies.min() as f64 / 1e6, f64::min);
        let least = 10_f64.powf((lowest * 1e6).max(1.0).log10().floor());
        let most = 10_f64.powf((latencies.max() as f64).max(10.0 * least).log10().ceil());
        Self { least, most }
    }

    /// Below the top of a panel.
    fn y(&self, micros: f64) -> f64 {
        let share =
            (micros.clamp(self.least, self.most) / self.least).log10() / (self.most / self.least).log10();
        PANEL * (1.0 - share)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (least, most) = (self.least, self.most);
        std::iter::successors(Some(least), |tick| Some(tick * 10.0))
            .take_while(move |tick| *tick <= most * 1.01)
    }
}

struct Image(String);

impl Image {
    fn put(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        self.put(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn grid_line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(&format!(
            "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            // Writing to a String cannot fail.
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
        }
        if !path.is_empty() {
            self.put(&format!("<path class=\"{class}\" d=\"{path}\"/>"));
        }
    }

    fn panel(&mut self, top: f64, name: &str, scale: &Scale) {
        self.text(LEFT, top - 12.0, "name", "start", name);
        for tick in scale.ticks() {
            let y = top + scale.y(tick);
            self.grid_line((LEFT, y), (RIGHT, y));
            self.text(LEFT - 8.0, y + 4.0, "", "end", &time_of_tick(tick));
        }
    }

    /// Latency by percentile. Each nine has the same width.
    fn by_percentile(&mut self, top: f64, scale: &Scale, latencies: &Latencies) {
        self.panel(top, "Latency by percentile", scale);
        let nines = (latencies.len().max(10) as f64).log10().clamp(1.0, MAX_NINES);
        let x = |nine: f64| LEFT + (RIGHT - LEFT) * nine / nines;
        let marks = [
            (0.0, "0"),
            (0.301, "50"),
            (1.0, "90"),
            (2.0, "99"),
            (3.0, "99.9"),
            (4.0, "99.99"),
            (5.0, "99.999"),
            (6.0, "99.9999"),
        ];
        for (nine, name) in marks.into_iter().filter(|(nine, _)| *nine <= nines) {
            self.grid_line((x(nine), top), (x(nine), top + PANEL));
            self.text(x(nine), top + PANEL + 20.0, "", "middle", &format!("{name} %"));
        }
        let last = (nines * f64::from(POINTS_PER_NINE)).floor() as u32;
        let points = (0..=last).map(|nth| {
            let nine = f64::from(nth) / f64::from(POINTS_PER_NINE);
            let micros = latencies.value_at_quantile(1.0 - 10_f64.powf(-nine)) as f64;
            (x(nine), top + scale.y(micros))
        });
        self.line("a", points.chain([(RIGHT, top + scale.y(latencies.max() as f64))]));
    }

    fn over_time(&mut self, top: f64, scale: &Scale, steps: &[Step]) {
        self.panel(top, "Latency over time", scale);
        let end = steps.last().map_or(1.0, |step| step.end_seconds.max(1e-3));
        let x = |seconds: f64| LEFT + (RIGHT - LEFT) * seconds / end;
        for part in 0..=5 {
            let seconds = end * f64::from(part) / 5.0;
            let label = format!("{} s", (seconds * 10.0).round() / 10.0);
            self.text(x(seconds), top + PANEL + 20.0, "", "middle", &label);
        }
        for (class, name, column, pick) in [
            ("c", "max", 2.0, (|latency| latency.max) as fn(&Quantiles) -> Option<f64>),
            ("b", "p99", 1.0, |latency| latency.p99),
            ("a", "p50", 0.0, |latency| latency.p50),
        ] {
            let place = |step: &Step| Some((x(step.end_seconds), top + scale.y(pick(&step.latency)? * 1e6)));
            self.line(class, steps.iter().filter_map(place));
            self.text(RIGHT - 130.0 + 50.0 * column, top - 12.0, class, "start", name);
        }
    }
}

/// `1 ms`, not `1.00 ms`: ticks are powers of ten.
fn time_of_tick(micros: f64) -> String {
    match micros {
        micros if micros < 999.0 => format!("{micros:.0} µs"),
        micros if micros < 999_000.0 => format!("{:.0} ms", micros / 1e3),
        micros => format!("{:.0} s", micros / 1e6),
    }
}

fn escape(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    visible.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tally::latencies;
    use super::*;

    #[test]
    fn every_point_is_inside_the_image() {
        let mut all = latencies();
        (1..100_000_u64).for_each(|n| all.saturating_record(n * n % 5_000_000));
        let svg = svg("a <b> & \"c\"\u{7}", &all, &[]);
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;</title>"));
        let path = svg.split("<path class=\"a\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
        for point in path.split('L') {
            let (x, y) = point.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=RIGHT).contains(&x) && (TOPS[0]..=TOPS[0] + PANEL).contains(&y), "{point}");
        }
    }

    #[test]
    fn an_empty_measurement_is_still_an_image() {
        assert!(svg("x", &latencies(), &[]).contains("0 deliveries"));
    }
}
