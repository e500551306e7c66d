//! `GET /topics`: what there is, and how it is treated.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::Worker;
use super::error::Problem;
use super::query::Query;
use crate::hub::Hub;
use crate::log::TopicSummary;
use crate::policy::{Durability, Policy, SlowReader};

#[derive(Serialize)]
struct TopicList {
    topics: Vec<TopicJson>,
}

#[derive(Serialize)]
struct TopicJson {
    topic: String,
    count: usize,
    bytes: u64,
    /// Ids of the oldest and the newest event that is kept, if there is one.
    oldest: Option<String>,
    newest: Option<String>,
    policy: PolicyJson,
}

/// A policy in words. `null` is no limit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyJson {
    durability: &'static str,
    retain: RetainJson,
    slow_reader: &'static str,
    last_value: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetainJson {
    count: Option<usize>,
    age_seconds: Option<u64>,
    bytes: Option<u64>,
}

pub(super) async fn list(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let hub = Worker::of(&request).hub();
    let topics = hub.topics().into_iter().map(|summary| TopicJson::new(hub, summary)).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(TopicList { topics }))
}

impl TopicJson {
    fn new(hub: &Hub, summary: TopicSummary) -> Self {
        let TopicSummary { topic, policy, count, bytes, span } = summary;
        let (oldest, newest) = span.unzip();
        let id = |seq: u64| hub.id(seq).to_string();
        Self {
            topic: topic.to_string(),
            count,
            bytes,
            oldest: oldest.map(id),
            newest: newest.map(id),
            policy: policy.into(),
        }
    }
}

impl From<Policy> for PolicyJson {
    fn from(Policy { durability, retain, slow_reader, last_value }: Policy) -> Self {
        let durability = match durability {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
        };
        let slow_reader = match slow_reader {
            SlowReader::Cut => "cut",
            SlowReader::Skip => "skip",
            SlowReader::Latest => "latest",
        };
        let age_seconds = retain.age.map(|age| age.as_secs());
        let retain = RetainJson { count: retain.count, age_seconds, bytes: retain.bytes };
        Self { durability, retain, slow_reader, last_value }
    }
}
