//! `GET /openapi.json`: the API, described for programs. A test holds the document against the routes.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};

use super::error::Problem;
use super::query::Query;

/// Written by hand. Of the same version as this binary, so it is built in.
const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

pub(super) async fn document(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let response = HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(DOCUMENT);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actix_web::http::Method;

    use super::*;
    use crate::http::api;

    #[test]
    fn every_route_is_described_and_every_description_has_a_route() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
        let mut routes = BTreeSet::new();
        for endpoint in api() {
            // HEAD is GET without the body, so it is not described by itself.
            let methods = endpoint.methods().iter().filter(|method| *method != Method::HEAD);
            routes.extend(methods.map(|method| format!("{method} {}", endpoint.path())));
        }
        assert_eq!(described, routes);
    }

    #[test]
    fn the_document_is_of_this_version() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
