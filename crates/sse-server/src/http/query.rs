//! The query string of a request. Unknown and repeated parameters are errors, not ignored.

use actix_web::HttpRequest;
use sse_hub::{Seek, Selectors, Start};

use super::app_state::AppState;
use super::problem_details::Problem;
use crate::auth::TOKEN_PARAMETER;

/// Value that stands for "all that is kept".
const EARLIEST: &str = "earliest";
/// Parameter that names a topic; can be there more than once.
const TOPIC: &str = "topic";

/// The parameters of a request, in their order.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query string of a path that knows these parameters.
    pub(crate) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        Self::read_repeatable(request, known, TOPIC)
    }

    /// As [`Self::read`], where `repeatable` can be there more than once.
    pub(crate) fn read_repeatable(
        request: &HttpRequest,
        known: &[&str],
        repeatable: &str,
    ) -> Result<Self, Problem> {
        let mut given: Vec<(String, String)> = Vec::new();
        let with_token = AppState::of(request).auth.takes_url_tokens();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            if with_token && name == TOKEN_PARAMETER {
                continue;
            }
            if !known.contains(&&*name) {
                return Err(unknown(&name, known));
            }
            if name != repeatable && given.iter().any(|(other, _)| *other == name) {
                return Err(Problem::bad_request(format!("parameter `{name}` is there twice; give it once")));
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(given))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The topics asked for; none means all.
    pub(crate) fn selectors(&self) -> Result<Selectors, Problem> {
        let parse = |text: &str| {
            text.parse().map_err(|error| Problem::bad_request(format!("topic {text:?}: {error}")))
        };
        let selectors = self.all(TOPIC).map(parse).collect::<Result<_, _>>()?;
        Selectors::new(selectors).map_err(Problem::bad_request)
    }

    /// A parameter that counts something, from 1 to `max`.
    pub(crate) fn number(&self, name: &str, max: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if (1..=max).contains(&number) => Ok(Some(number)),
            _ => Err(Problem::bad_request(format!("{name} is a number from 1 to {max}, not {text:?}"))),
        }
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Parameters that say where to start beside an id.
pub(crate) const LAST: &str = "last";
pub(crate) const SINCE: &str = "since";

/// Most events that `last` can ask for. They are looked for one by one.
const MAX_LAST: usize = 10_000;

impl Query {
    /// Where to start: after the id in the parameter `id`, or at `last` or `since`; `without` any of them.
    pub(crate) fn start(&self, id: &str, without: Start) -> Result<Start, Problem> {
        let given: Vec<(&str, &str)> = [id, LAST, SINCE]
            .into_iter()
            .filter_map(|name| self.get(name).filter(|text| !text.is_empty()).map(|text| (name, text)))
            .collect();
        match given.as_slice() {
            [] => Ok(without),
            [(LAST, _)] => Ok(Start::Kept(Seek::Last(self.number(LAST, MAX_LAST)?.unwrap_or(1)))),
            [(SINCE, text)] => since(text).map(|seconds| Start::Kept(Seek::Since(seconds))),
            [(_, text)] => Ok(after(text)),
            [(one, _), (other, _), ..] => Err(Problem::bad_request(format!(
                "`{one}` and `{other}` both say where to start; give one of them"
            ))),
        }
    }
}

/// From the text of an id, or `earliest`.
pub(crate) fn after(id: &str) -> Start {
    if id == EARLIEST { Start::Kept(Seek::Earliest) } else { Start::After(id.to_owned()) }
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
