//! The ticker: streams by symbol, quotes from outside, the simulated market, files that are played back.

use std::io::Write;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sse_core::Event;
use sse_core::payload::{Connected, Gap, GapReason};

use crate::api::{Api, send};
use crate::harness::{DEADLINE, Reader, Server, event_type_of};
use crate::process::refuses;

fn without_market() -> Api {
    Api::of(Server::start(&["--ticker", "off"]))
}

async fn open(server: &Server, path: &str) -> Reader {
    open_with_last_values(server, path).await.0
}

/// A stream, and what came before its greeting.
async fn open_with_last_values(server: &Server, path: &str) -> (Reader, Vec<Event>) {
    let mut reader = Reader::open(server.url(path)).await;
    let mut last_values = Vec::new();
    let connected = loop {
        let event = reader.event().await;
        if event_type_of(&event) == "connected" {
            break event;
        }
        last_values.push(event);
    };
    let connected: Connected = serde_json::from_str(connected.data()).unwrap();
    assert_eq!(connected.message, "Connected to the ticker");
    (reader, last_values)
}

async fn quote(api: &Api, symbol: &str, price: &str) {
    let body = format!("{{\"symbol\":\"{symbol}\",\"price\":{price}}}");
    let answer = send(api.post("/ticker/quotes", body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Symbol, by the event type, and price, digit by digit.
fn tick(event: &Event) -> (String, String) {
    let (_, price) = event.data().split_once("\"price\":").unwrap_or_else(|| panic!("{event:?}"));
    (event_type_of(event).to_owned(), price.split(',').next().unwrap().to_owned())
}

fn json_of(event: &Event) -> Value {
    serde_json::from_str(event.data()).unwrap()
}

#[tokio::test]
async fn each_symbol_is_an_event_type_and_only_those_asked_for_come() {
    let api = without_market();
    let mut some = open(&api.server, "/ticker/events?symbol=ACME&symbol=brk.b").await;
    let mut all = open(&api.server, "/ticker/events").await;
    for (symbol, price) in [("ACME", "0.1"), ("OTHER", "7"), ("ACME", "0.3"), ("BRK.B", "1.000001")] {
        quote(&api, symbol, price).await;
    }
    let expected = [("ACME", "0.10"), ("OTHER", "7.00"), ("ACME", "0.30"), ("BRK.B", "1.000001")];
    for (symbol, price) in expected {
        assert_eq!(tick(&all.event().await), (symbol.into(), price.into()));
    }
    let mut last = None;
    for (symbol, price) in expected.into_iter().filter(|(symbol, _)| *symbol != "OTHER") {
        let event = some.event().await;
        assert_eq!(tick(&event), (symbol.into(), price.into()));
        assert_eq!(event.topic(), Some(&*format!("ticker/{symbol}")));
        last = Some(event);
    }
    assert!(String::from_utf8_lossy(&some.raw).contains("\nevent: ACME\n"));
    assert_eq!(json_of(&last.unwrap())["source"], "posted");
}

#[tokio::test]
async fn change_is_exact_and_from_the_first_price() {
    let api = without_market();
    let body =
        r#"[{"symbol":"A","price":0.1},{"symbol":"A","price":"0.3","time":"2026-11-22T09:00:00.5+01:00"}]"#;
    let answer = send(api.post("/ticker/quotes", body)).await;
    assert_eq!((answer.status, &answer.json()["count"]), (200, &json!(2)));
    let kept = api.kept("ticker/A").await;
    assert_eq!(
        kept[1],
        r#"{"symbol":"A","price":0.30,"open":0.10,"change":0.20,"changePercent":200.00,"time":"2026-11-22T08:00:00.500Z","source":"posted"}"#
    );
    let lines = "{\"symbol\":\"A\",\"price\":0.05}\n\n{\"symbol\":\"B\",\"price\":1}\n";
    assert_eq!(send(api.batch("/ticker/quotes", lines)).await.status, 200);
    assert!(api.kept("ticker/A").await[2].contains(r#""change":-0.05,"changePercent":-50.00"#));
    assert_eq!(api.kept("ticker/B").await.len(), 1);
}

#[tokio::test]
async fn a_bad_quote_is_refused_by_field_and_its_batch_with_it() {
    let api = without_market();
    let good = r#"{"symbol":"A","price":1}"#;
    for (bad, field) in [
        (r#"{"symbol":"<img src=x onerror=alert(1)>","price":1}"#, json!("symbol")),
        (r#"{"symbol":"A/B","price":1}"#, json!("symbol")),
        (r#"{"price":1}"#, json!("symbol")),
        (r#"{"symbol":"A"}"#, json!("price")),
        (r#"{"symbol":"A","price":0}"#, json!("price")),
        (r#"{"symbol":"A","price":1.0000001}"#, json!("price")),
        (r#"{"symbol":"A","price":"1e5"}"#, json!("price")),
        (r#"{"symbol":"A","price":1,"time":"noon"}"#, json!("time")),
        (r#"{"symbol":"A","price":1,"volume":3}"#, Value::Null),
    ] {
        let answer = send(api.post("/ticker/quotes", bad)).await;
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field), "{bad}: {answer:?}");
        let answer = send(api.batch("/ticker/quotes", format!("{good}\n{bad}"))).await;
        assert_eq!((&answer.json()["field"], &answer.json()["line"]), (&field, &json!(2)), "{answer:?}");
        let (status, detail) = send(api.post("/ticker/quotes", format!("[{good},{bad}]"))).await.problem();
        assert!(status == 400 && detail.starts_with("quote 2: "), "{detail}");
    }
    let (status, detail) =
        send(api.post("/ticker/quotes", format!("[{}]", [good; 1001].join(",")))).await.problem();
    assert!(status == 413 && detail.contains("at most 1000 quotes"), "{detail}");
    assert_eq!(api.kept("ticker/A").await.len(), 0, "nothing of a refused batch is taken");
}

#[tokio::test]
async fn there_is_an_end_to_new_symbols_and_none_to_old_ones() {
    let api = without_market();
    let batch =
        |from, to| (from..to).map(|n| format!("{{\"symbol\":\"S{n}\",\"price\":1}}\n")).collect::<String>();
    assert_eq!(send(api.batch("/ticker/quotes", batch(0, 500))).await.status, 200);
    let (status, detail) = send(api.batch("/ticker/quotes", batch(499, 501))).await.problem();
    assert!(status == 409 && detail.contains("500 symbols"), "{detail}");
    quote(&api, "S0", "2").await;
}

#[tokio::test]
async fn bad_symbols_of_a_stream_are_refused() {
    let api = without_market();
    for (path, part) in [
        ("/ticker/events?symbol=A%20B", "symbol: a symbol is 1 to 16"),
        ("/ticker/events?symbol=", "a symbol is 1 to 16"),
        ("/ticker/events?topic=a", "this path knows `symbol`, `last_event_id`"),
    ] {
        let (status, detail) = api.get(path).await.problem();
        assert!(status == 400 && detail.contains(part), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_new_stream_has_the_newest_price_of_each_symbol_at_once() {
    let api = without_market();
    for (symbol, price) in [("A", "1"), ("B", "2"), ("A", "3")] {
        quote(&api, symbol, price).await;
    }
    let path = "/ticker/events?symbol=A&symbol=B&symbol=NONE";
    let (_, last_values) = open_with_last_values(&api.server, path).await;
    let newest: Vec<_> = last_values.iter().map(tick).collect();
    assert_eq!(newest, [("B".into(), "2.00".into()), ("A".into(), "3.00".into())]);
}

#[tokio::test]
async fn the_market_is_called_simulated_and_its_seed_decides_it() {
    let mut walks = Vec::new();
    for seed in ["7", "7", "8"] {
        let server = Server::start(&["--ticker-seed", seed]);
        let mut reader = open(&server, "/ticker/events").await;
        let mut walk = Vec::new();
        // Past the opening, into what comes live.
        while walk.len() < 390 {
            let event = reader.event().await;
            assert_eq!(json_of(&event)["source"], "simulated");
            walk.push(tick(&event));
        }
        walks.push(walk);
    }
    assert_eq!(walks[0], walks[1]);
    assert_ne!(walks[0], walks[2]);
}

#[tokio::test]
async fn lists_made_up_companies_until_a_real_price_is_posted() {
    let api = Api::start();
    let symbols = api.get("/ticker/symbols").await.json()["symbols"].clone();
    assert_eq!(symbols.as_array().unwrap().len(), 12);
    assert_eq!(
        symbols[0],
        json!({"symbol":"ACME","name":"Acme Anvils","source":"simulated","open":null,"price":null,"time":null})
    );
    let mut reader = open(&api.server, "/ticker/events?symbol=ACME").await;
    reader.event().await;
    quote(&api, "ACME", "5.5").await;
    while json_of(&reader.event().await)["source"] != "posted" {}
    let mut others = open(&api.server, "/ticker/events").await;
    for _ in 0..40 {
        let tick = json_of(&others.event().await);
        assert_eq!(tick["source"] == "posted", tick["symbol"] == "ACME", "{tick}");
    }
    let acme = api.get("/ticker/symbols").await.json()["symbols"][0].clone();
    assert_eq!((&acme["name"], &acme["price"], &acme["open"]), (&Value::Null, &json!(5.5), &json!(5.5)));
}

/// Seqs of the newest event of each topic of the ticker.
async fn newest(api: &Api) -> Vec<String> {
    let topics = api.get("/topics").await.json()["topics"].clone();
    let of_ticker = |topic: &&Value| topic["topic"].as_str().unwrap().starts_with("ticker/");
    topics.as_array().unwrap().iter().filter(of_ticker).map(|topic| topic["newest"].to_string()).collect()
}

#[tokio::test]
async fn the_market_rests_while_nobody_asks_for_it_by_name() {
    let api = Api::of(Server::start(&["--metrics-interval", "200ms"]));
    let mut everything = Reader::open(api.server.url("/events")).await;
    for _ in 0..5 {
        everything.event_of("metrics").await;
    }
    assert_eq!(newest(&api).await, Vec::<String>::new(), "a stream of every topic does not wake the market");
    let mut reader = open(&api.server, "/ticker/events").await;
    for _ in 0..390 {
        reader.event().await;
    }
    drop(reader);
    let from = Instant::now();
    // A market that trades publishes half a dozen prices between two looks.
    let mut before = newest(&api).await;
    loop {
        for _ in 0..10 {
            everything.event_of("metrics").await;
        }
        let now = newest(&api).await;
        if now == before {
            break;
        }
        assert!(from.elapsed() < DEADLINE, "the market does not rest");
        before = now;
    }
    let (mut back, last_values) = open_with_last_values(&api.server, "/ticker/events").await;
    assert_eq!(last_values.len(), 12);
    back.event().await;
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn a_file_is_played_at_its_own_pace_and_over_again() {
    let feed = file(
        "time,symbol,price,volume\n2025-03-03T14:30:00Z,REAL.A,100.10,5\n2025-03-03T14:30:00Z,REAL.B,7,5\n\
         2025-03-03T14:30:00.4Z,REAL.A,100.20,5\n2025-03-03T14:30:01.6Z,REAL.A,99.90,5\n",
    );
    let api = Api::of(Server::start(&["--ticker-feed", feed.path().to_str().unwrap()]));
    let listed = api.get("/ticker/symbols").await.json()["symbols"].clone();
    assert_eq!((&listed[1]["symbol"], &listed[1]["source"]), (&json!("REAL.B"), &json!("replay")));
    let from = Instant::now();
    let mut reader = open(&api.server, "/ticker/events").await;
    let mut played = Vec::new();
    // When it was recorded, and when the file started over: after the last of its 1.6 s and a pause.
    for (price, millis) in
        [("100.10", 0), ("7.00", 0), ("100.20", 400), ("99.90", 1600), ("100.10", 2600), ("7.00", 2600)]
    {
        let event = reader.event().await;
        assert_eq!(tick(&event).1, price);
        let after = from.elapsed();
        assert!(after >= Duration::from_millis(millis) && after < DEADLINE, "{price} after {after:?}");
        played.push(json_of(&event));
    }
    assert_eq!(played[3]["recordedTime"], "2025-03-03T14:30:01.600Z");
    assert_eq!((&played[3]["change"], &played[3]["source"]), (&json!(-0.2), &json!("replay")));
}

#[test]
fn a_file_that_cannot_be_played_is_refused_at_the_start() {
    let bad = file("time,symbol,price\n2025-03-03T14:30:00Z,A,1\n2025-03-03T14:30:01Z,A,cheap\n");
    let bad = bad.path().to_str().unwrap();
    for (args, parts) in [
        (vec!["--ticker-feed", bad], vec![bad, "--ticker-feed", "line 3: price", "\"cheap\""]),
        (vec!["--ticker-feed", "/nowhere/at/all.csv"], vec!["/nowhere/at/all.csv", "No such file"]),
        (vec!["--ticker-feed", bad, "--ticker", "off"], vec!["--ticker-feed", "cannot be used with"]),
        (vec!["--ticker", "real"], vec!["--ticker", "simulated", "off"]),
        (vec!["--ticker-seed", "x"], vec!["--ticker-seed"]),
    ] {
        let said = refuses(&args);
        for part in parts {
            assert!(said.contains(part), "{args:?}: {part:?} is not in {said:?}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_stalls_goes_on_with_the_newest_price_of_each_symbol() {
    const SYMBOLS: usize = 10;
    let api = without_market();
    let mut reader = open(&api.server, "/ticker/events").await;
    // More than all the buffers between the server and a reader that does not read.
    let mut published = 0;
    for round in 1..=90 {
        let line = |n: usize| format!("{{\"symbol\":\"S{}\",\"price\":{round}.{n:03}1}}\n", n % SYMBOLS);
        let batch: String = (0..1000).map(line).collect();
        published += 1000;
        assert_eq!(send(api.batch("/ticker/quotes", batch)).await.status, 200);
    }
    let mut newest = std::collections::BTreeMap::new();
    let (mut received, mut slow, mut since_gap) = (0, 0, 0);
    while newest.values().filter(|price: &&String| price.starts_with("90.99")).count() < SYMBOLS {
        let event = reader.event().await;
        if event_type_of(&event) == "gap" {
            let gap: Gap = serde_json::from_str(event.data()).unwrap();
            assert_eq!(gap.reason, GapReason::Slow);
            (slow, since_gap) = (slow + 1, 0);
            continue;
        }
        (received, since_gap) = (received + 1, since_gap + 1);
        let (symbol, price) = tick(&event);
        newest.insert(symbol, price);
    }
    let expected = (0..SYMBOLS).map(|n| (format!("S{n}"), format!("90.99{n}1")));
    assert_eq!(newest, expected.collect());
    assert!(slow >= 1, "the reader was never too slow");
    assert_eq!(since_gap, SYMBOLS, "after the last gap, one price a symbol");
    assert!(received < published);
    // And then it is live again.
    quote(&api, "S0", "1").await;
    assert_eq!(tick(&reader.event().await), ("S0".into(), "1.00".into()));
}

#[tokio::test]
async fn the_topics_of_the_ticker_keep_300_prices_in_memory() {
    let api = without_market();
    let batch: String = (1..=400).map(|n| format!("{{\"symbol\":\"A\",\"price\":{n}}}\n")).collect();
    assert_eq!(send(api.batch("/ticker/quotes", batch)).await.status, 200);
    let topics = send(api.request(Method::GET, "/topics")).await.json();
    let topic =
        topics["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == "ticker/A").unwrap();
    assert_eq!(topic["count"], 300);
    let policy = &topic["policy"];
    assert_eq!(policy["retention"], json!({ "count": 300, "ageSeconds": null, "bytes": 32 << 20 }));
    assert_eq!((&policy["durability"], &policy["slowConsumer"]), (&json!("memory"), &json!("conflate")));
    assert_eq!((&policy["slowReader"], &policy["lastValue"]), (&json!("latest"), &json!(true)));
}
