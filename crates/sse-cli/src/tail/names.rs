//! Short names that distinguish several URLs.

use std::collections::HashSet;

use sse_client::reqwest::Url;

/// A name for each URL: host and port if that is enough, else the path, else both, else also its number. Contains no
/// secrets. A single URL gets none.
pub(super) fn of(urls: &[&Url]) -> Vec<String> {
    if urls.len() < 2 {
        return urls.iter().map(|_| String::new()).collect();
    }
    let both = |url: &Url| host(url) + url.path();
    let kinds: [&dyn Fn(&Url) -> String; 3] = [&host, &|url| url.path().to_owned(), &both];
    for kind in kinds {
        let names: Vec<String> = urls.iter().map(|url| kind(url)).collect();
        if names.iter().collect::<HashSet<_>>().len() == names.len() {
            return names;
        }
    }
    urls.iter().enumerate().map(|(n, url)| format!("{}:{}", n + 1, both(url))).collect()
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        for (urls, names) in [
            (&["http://a/x"][..], &[""][..]),
            (&["http://a/x", "http://b/x"], &["a", "b"]),
            (&["http://a:1/x", "http://a:2/x"], &["a:1", "a:2"]),
            (&["http://a/x", "http://a/y"], &["/x", "/y"]),
            (&["http://a/x", "http://a/y", "http://b/x"], &["a/x", "a/y", "b/x"]),
            (&["http://u:p@a/x?q=1", "http://a/x"], &["1:a/x", "2:a/x"]),
        ] {
            let urls: Vec<Url> = urls.iter().map(|url| url.parse().unwrap()).collect();
            assert_eq!(of(&urls.iter().collect::<Vec<_>>()), names);
        }
    }
}
