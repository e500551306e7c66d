//! The metrics: each that is described exists and moves, each that exists is described, and the dashboard and the alert rules
//! ask for no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reqwest::Method;

use crate::api::{Api, send};
use crate::harness::{DEADLINE, Reader, Server};

/// Constants.
const NEVER_MOVE: [&str; 2] = ["process_max_fds", "sse_build_info"];
/// Of what the system may not say.
const OF_SYSTEM: &str = "process_";

/// One scrape.
#[derive(Debug, Default)]
struct Scrape {
    /// Kind and unit of each family, under the name of its samples.
    families: BTreeMap<String, (String, String)>,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    fn parse(text: &str) -> Self {
        let (mut scrape, mut units) = (Self::default(), BTreeMap::new());
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        for line in text.lines().rev().skip(1) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                // Its unit comes after it.
                ["#", "TYPE", family, kind] => {
                    let suffix = match kind {
                        "counter" => "_total",
                        "info" => "_info",
                        _ => "",
                    };
                    let unit: &str = units.remove(family).unwrap_or_default();
                    scrape.families.insert(format!("{family}{suffix}"), (kind.into(), unit.into()));
                }
                ["#", "UNIT", family, unit] => drop(units.insert(family, unit)),
                ["#", "HELP", ..] => {}
                [.., value] => {
                    let name = line.strip_suffix(&format!(" {value}")).unwrap();
                    let before = scrape.samples.insert(name.to_owned(), value.parse().unwrap());
                    assert_eq!(before, None, "{name} is there twice");
                }
                [] => panic!("an empty line"),
            }
        }
        scrape
    }

    /// Of a histogram the number of values, of others all values together.
    fn total(&self, family: &str) -> f64 {
        let name = |sample: &str| sample.split('{').next().unwrap().to_owned();
        let wanted = if self.families[family].0 == "histogram" {
            format!("{family}_count")
        } else {
            family.to_owned()
        };
        self.samples.iter().filter(|(sample, _)| name(sample) == wanted).map(|(_, value)| value).sum()
    }

    fn sample(&self, name: &str) -> f64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", self.samples))
    }
}

fn docs(file: &str) -> String {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs"].iter().collect();
    std::fs::read_to_string(folder.join(file)).unwrap()
}

/// Kind and unit of each metric in the tables.
fn described() -> BTreeMap<String, (String, String)> {
    let text = docs("metrics.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [name, kind, unit, _labels, _meaning, ""] = cells[..] else { return None };
        Some((name.trim_end_matches('`').to_owned(), (kind.to_owned(), unit.to_owned())))
    });
    rows.collect()
}

/// Metrics that a text asks for, as their samples are named.
fn asked_for(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let of_us = words.filter(|word| word.starts_with("sse_") || word.starts_with("process_"));
    of_us.map(|word| word.trim_end_matches("_bucket").to_owned()).collect()
}

async fn scrape(api: &Api) -> Scrape {
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    Scrape::parse(&answer.text)
}

/// The value of this sample.
pub async fn value(server: &Server, name: &str) -> f64 {
    let text = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    Scrape::parse(&text).sample(name)
}

/// Scrapes until this holds.
async fn until(api: &Api, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let scrape = scrape(api).await;
        if holds(&scrape) {
            return scrape;
        }
        assert!(tokio::time::Instant::now() < end, "not in time: {what}: {:#?}", scrape.samples);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn those_that_exist_are_described_and_others_are_not_asked_for() {
    let found = scrape(&Api::start()).await.families;
    let mut described = described();
    if !cfg!(target_os = "linux") {
        described.retain(|name, _| found.contains_key(name) || !name.starts_with(OF_SYSTEM));
    }
    assert_eq!(found, described);
    for file in ["operations/grafana.json", "operations/alerts.yml", "operations/alerts.test.yml"] {
        let unknown: Vec<_> =
            asked_for(&docs(file)).into_iter().filter(|name| !described.contains_key(name)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let shown = asked_for(&docs("operations/grafana.json"));
    let missing: Vec<_> = described.keys().filter(|name| !shown.contains(*name)).collect();
    assert!(missing.is_empty(), "not on the dashboard: {missing:?}");
}

#[tokio::test]
async fn each_that_is_described_moves() {
    let api = Api::of(Server::start(&["--apps", "chat", "--heartbeat", "100ms"]));
    let before = scrape(&api).await;
    let closed = Reader::open(api.server.url("/events?topic=a")).await;
    drop(closed);
    let mut stream = Reader::open_from(api.server.url("/events?topic=a"), Some("of-another-log")).await;
    stream.event_of("gap").await;
    api.publish("a", "x").await;
    stream.event_of("message").await;
    send(api.request(Method::POST, "/topics/b?close=true")).await;
    assert_eq!(send(api.post("/topics/b", "x")).await.status, 409);
    api.publish("c", "x").await;
    assert_eq!(send(api.request(Method::DELETE, "/topics/c")).await.status, 200);
    let poll = tokio::spawn(send(api.request(Method::GET, "/poll?topic=quiet&timeout=20")));
    // The system takes what it has room for, and then it lags.
    let _unread = Reader::open(api.server.url("/events?topic=big")).await;
    for _ in 0..20 {
        api.publish("big", "x".repeat(900_000)).await;
    }
    let tokens = "sse_tokens_refused_total";
    let moved = |scrape: &Scrape| {
        let stands = |name: &&String| scrape.total(name) == before.total(name);
        let all =
            scrape.families.keys().filter(|name| !NEVER_MOVE.contains(&name.as_str()) && *name != tokens);
        all.filter(stands).cloned().collect::<Vec<_>>()
    };
    let after = until(&api, "everything moves", |scrape| moved(scrape).is_empty()).await;
    poll.abort();
    for name in NEVER_MOVE {
        assert!(after.total(name) > 0.0 || !cfg!(target_os = "linux"), "{name}");
    }
    let labelled = [
        ("sse_connections_open{transport=\"http1\"}", 2.0),
        ("sse_connections_closed_total{transport=\"http1\",reason=\"client\"}", 1.0),
        ("sse_subscribers{pattern=\"(default)\"}", 3.0),
        ("sse_gaps_total{reason=\"unknown_id\"}", 1.0),
        ("sse_published_events_total{pattern=\"(default)\"}", 23.0),
        ("sse_refused_total{limit=\"topic_closed\"}", 1.0),
        ("sse_log_removed_events_total", 1.0),
        ("sse_long_polls_open", 1.0),
    ];
    for (name, value) in labelled {
        assert_eq!(after.sample(name), value, "{name}");
    }
}

#[tokio::test]
async fn events_count_by_the_pattern_that_decides_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[[topic]]\npattern = 'orders/*'\ndurability = 'memory'\n[[topic]]\npattern = 'chat/*'\n";
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, settings).unwrap();
    let api = Api::of(Server::start(&["--apps", "none", "--config", file.to_str().unwrap()]));
    let mut orders = Reader::open(api.server.url("/events?topic=orders/*")).await;
    let mut all = Reader::open(api.server.url("/events?topic=*")).await;
    for topic in ["orders/1", "orders/2", "other"] {
        api.publish(topic, topic).await;
    }
    for reader in [&mut orders, &mut all] {
        reader.event_of("message").await;
        reader.event_of("message").await;
    }
    all.event_of("message").await;
    let found = until(&api, "deliveries", |scrape| scrape.total("sse_delivered_events_total") == 5.0).await;
    let of = |name: &str, pattern: &str| found.sample(&format!("{name}{{pattern=\"{pattern}\"}}"));
    let [orders, default, several] = ["orders/*", "(default)", "(several)"].map(|p| of("sse_subscribers", p));
    assert_eq!([orders, default, several], [1.0, 0.0, 1.0]);
    for (name, expected) in
        [("sse_published_events_total", [2.0, 1.0]), ("sse_delivered_events_total", [4.0, 1.0])]
    {
        assert_eq!(["orders/*", "(default)"].map(|pattern| of(name, pattern)), expected, "{name}");
    }
    let [published, delivered] =
        ["sse_published_bytes_total", "sse_delivered_bytes_total"].map(|name| of(name, "orders/*"));
    assert_eq!(delivered, 2.0 * published);
    assert!(published > 100.0);
}

#[tokio::test]
async fn an_event_stream_closes_for_a_reason() {
    let args = ["--apps", "none", "--write-timeout", "300ms", "--direct", "on"];
    let api = Api::of(Server::start(&args));
    let mut ended = Reader::open(api.server.url("/events?topic=a")).await;
    send(api.request(Method::POST, "/topics/a?close=true")).await;
    ended.read_to_end().await;
    let _unread = Reader::open(api.server.url("/events?topic=b")).await;
    for _ in 0..20 {
        api.publish("b", "x".repeat(900_000)).await;
    }
    for reason in ["ended", "write_timeout"] {
        let closed = format!("sse_connections_closed_total{{transport=\"http1\",reason=\"{reason}\"}}");
        until(&api, reason, |scrape| scrape.sample(&closed) == 1.0).await;
    }
}
