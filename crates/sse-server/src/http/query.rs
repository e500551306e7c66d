//! The query string of a request. Unknown and repeated parameters are errors, not ignored.

use actix_web::HttpRequest;

use super::error::Problem;
use crate::hub::Start;
use crate::log::Seek;
use crate::selectors::Selectors;

/// Value that stands for "all that is kept".
const EARLIEST: &str = "earliest";
/// The parameters that can be there more than once.
const TOPIC: &str = "topic";
pub(super) const SYMBOL: &str = "symbol";

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
            if name != TOPIC && name != SYMBOL && given.iter().any(|(other, _)| *other == name) {
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

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Parameters that say where to start beside an id.
pub(super) const LAST: &str = "last";
pub(super) const SINCE: &str = "since";

/// Most events that `last` can ask for. They are looked for one by one.
const MAX_LAST: usize = 10_000;

impl Query {
    /// Where to start: after the id in the parameter `id`, or at `last` or `since`; `without` any of them.
    pub(super) fn start(&self, id: &str, without: Start) -> Result<Start, Problem> {
        let given: Vec<(&str, &str)> = [id, LAST, SINCE]
            .into_iter()
            .filter_map(|name| self.get(name).filter(|text| !text.is_empty()).map(|text| (name, text)))
            .collect();
        match given.as_slice() {
            [] => Ok(without),
            [(LAST, text)] => last(text).map(|count| Start::Kept(Seek::Last(count))),
            [(SINCE, text)] => since(text).map(|seconds| Start::Kept(Seek::Since(seconds))),
            [(_, text)] => Ok(after(text)),
            [(one, _), (other, _), ..] => Err(Problem::bad_request(format!(
                "`{one}` and `{other}` both say where to start; give one of them"
            ))),
        }
    }
}

/// From the text of an id, or `earliest`.
pub(super) fn after(id: &str) -> Start {
    if id == EARLIEST { Start::Earliest } else { Start::After(id.to_owned()) }
}

fn last(text: &str) -> Result<usize, Problem> {
    let count = text.parse().ok().filter(|count| (1..=MAX_LAST).contains(count));
    count.ok_or_else(|| {
        Problem::bad_request(format!("{LAST} is a number of events from 1 to {MAX_LAST}, not {text:?}"))
    })
}

/// Seconds since 1970. What was before counts as 1970.
fn since(text: &str) -> Result<u32, Problem> {
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        let example = "2026-11-22T08:17:38Z";
        Problem::bad_request(format!("{SINCE} is a time with its zone, such as {example}, not {text:?}"))
    })?;
    Ok(u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX))
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    if known.is_empty() {
        return Problem::bad_request(format!("unknown parameter {name:?}; this path takes none"));
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Problem::bad_request(format!("unknown parameter {name:?}; this path knows {}", known.join(", ")))
}
