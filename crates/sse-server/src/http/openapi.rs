//! `GET /openapi.json`: the API, described for programs. The hub's part is `openapi.json` beside this file; each
//! application that is on adds its own.

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::problem_details::Problem;
use super::query::Query;

/// Written by hand. Of the same version as this binary, so it is built in.
const HUB: &str = include_str!("openapi.json");

#[derive(Debug, Clone)]
pub(crate) struct OpenApi(Arc<str>);

impl OpenApi {
    /// The hub's part with those of applications: objects are merged, lists joined, values replaced.
    pub(crate) fn with(parts: impl IntoIterator<Item = &'static str>) -> Self {
        let parse = |part: &str| serde_json::from_str(part).expect("a test reads every part");
        let mut document: Value = parse(HUB);
        parts.into_iter().for_each(|part| merge(&mut document, parse(part)));
        Self(document.to_string().into())
    }
}

#[cfg(test)]
impl OpenApi {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn merge(into: &mut Value, part: Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            for (name, value) in part {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(part)) => into.extend(part),
        (into, part) => *into = part,
    }
}

pub(super) async fn document(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let OpenApi(document) = request.app_data().expect("every worker's routes carry it");
    let response = HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(String::from(&**document));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_of_this_version() {
        let document: Value = serde_json::from_str(HUB).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
