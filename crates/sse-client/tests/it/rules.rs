//! Holds the table of rules in `docs/client-rules.md` against the tests there are.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../../../docs/client-rules.md");
const SOURCES: [(&str, &str); 13] = [
    ("cancelling", include_str!("cancelling.rs")),
    ("clients", include_str!("clients.rs")),
    ("decoding", include_str!("decoding.rs")),
    ("http2", include_str!("http2.rs")),
    ("https", include_str!("https.rs")),
    ("memory", include_str!("memory.rs")),
    ("noise", include_str!("noise.rs")),
    ("opening", include_str!("opening.rs")),
    ("posting", include_str!("posting.rs")),
    ("reconnecting", include_str!("reconnecting.rs")),
    ("redirects", include_str!("redirects.rs")),
    ("requests", include_str!("requests.rs")),
    ("waiting", include_str!("waiting.rs")),
];

/// Functions right below a test attribute, by file; those that are ignored are parts of others.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (file, source) in SOURCES {
        let mut is_test = false;
        for line in source.lines() {
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with(' ')) {
                tests.insert(format!("{file}::{}", rest.split('(').next().unwrap()));
                is_test = false;
            }
            is_test = (is_test || line.starts_with("#[tokio::test") || line.starts_with("#[test"))
                && !line.starts_with("#[ignore");
        }
    }
    tests
}

#[test]
fn each_rule_has_its_test_and_each_test_its_rule() {
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    let named: BTreeSet<String> =
        rows.flat_map(|row| row.split('`')).filter(|name| name.contains("::")).map(str::to_owned).collect();
    let tests = tests();
    assert!(tests.len() >= 60, "{} tests", tests.len());
    let missing: Vec<_> = tests.difference(&named).collect();
    assert!(missing.is_empty(), "not in docs/client-rules.md: {missing:?}");
    let gone: Vec<_> = named.difference(&tests).collect();
    assert!(gone.is_empty(), "in docs/client-rules.md, but no test: {gone:?}");
}
