//! The query string of a request. Unknown and repeated parameters are errors, not ignored.

use actix_web::HttpRequest;

use super::error::Problem;
use crate::hub::{Selectors, Start};

/// Value that stands for "all that is kept".
const EARLIEST: &str = "earliest";
/// The one parameter that can be there more than once.
const TOPIC: &str = "topic";

/// The parameters of a request, in their order.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query string of a path that knows these parameters.
    pub(super) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(unknown(&name, known));
            }
            if name != TOPIC && given.iter().any(|(other, _)| *other == name) {
                return Err(Problem::bad_request(format!("parameter `{name}` is there twice; give it once")));
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(given))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The topics asked for; none means all.
    pub(super) fn selectors(&self) -> Result<Selectors, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|error| Problem::bad_request(format!("topic {text:?}: {error}")))
        };
        let selectors = self.all(TOPIC).map(parse).collect::<Result<_, _>>()?;
        Selectors::new(selectors).map_err(Problem::bad_request)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Where to start, from the text of an id, or `earliest`. An empty id is the same as none.
pub(super) fn start(id: Option<&str>, without: Start) -> Start {
    match id {
        None | Some("") => without,
        Some(EARLIEST) => Start::Earliest,
        Some(id) => Start::After(id.to_owned()),
    }
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    if known.is_empty() {
        return Problem::bad_request(format!("unknown parameter {name:?}; this path takes none"));
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Problem::bad_request(format!("unknown parameter {name:?}; this path knows {}", known.join(", ")))
}
