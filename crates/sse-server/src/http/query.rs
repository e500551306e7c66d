//! What a stream request asks for: topics, and where to start. Unknown parameters are errors, not ignored.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;

use super::error::Problem;
use crate::hub::{Selectors, Start};

/// Value that stands for "all that is kept".
const EARLIEST: &str = "earliest";

/// A stream request, checked.
#[derive(Debug)]
pub(super) struct StreamQuery {
    topics: Vec<String>,
    last_event_id: Option<String>,
}

impl StreamQuery {
    /// Reads the query string and the `Last-Event-ID` header. The header wins over the parameter, because a
    /// browser that reconnects keeps the URL and sends the newer id in the header.
    pub(super) fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut query = Self { topics: Vec::new(), last_event_id: None };
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            match &*name {
                "topic" => query.topics.push(value.into_owned()),
                "last_event_id" => query.last_event_id = Some(value.into_owned()),
                _ => return Err(unknown(&name)),
            }
        }
        if let Some(id) = last_event_id(request.headers()) {
            query.last_event_id = Some(id);
        }
        Ok(query)
    }

    /// The topics asked for; none means all.
    pub(super) fn selectors(&self) -> Result<Selectors, Problem> {
        let parse = |text: &String| {
            text.parse().map_err(|error| Problem::bad_request(format!("topic {text:?}: {error}")))
        };
        let selectors = self.topics.iter().map(parse).collect::<Result<_, _>>()?;
        Selectors::new(selectors).map_err(Problem::bad_request)
    }

    /// For streams whose topics are fixed.
    pub(super) fn no_topics(&self) -> Result<(), Problem> {
        match self.topics.is_empty() {
            true => Ok(()),
            false => {
                Err(Problem::bad_request("this stream has its own topic; use /events?topic=… to choose"))
            }
        }
    }

    /// Where to start. An empty id is the same as none.
    pub(super) fn start(self) -> Start {
        match self.last_event_id.as_deref() {
            None | Some("") => Start::Now,
            Some(EARLIEST) => Start::Earliest,
            Some(id) => Start::After(id.to_owned()),
        }
    }
}

/// The header as UTF-8, which is how browsers send it. Other bytes make an unknown id, and so a gap.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn unknown(name: &str) -> Problem {
    Problem::bad_request(format!("unknown parameter {name:?}; this path knows `topic` and `last_event_id`"))
}
