//! `GET /topics`: what there is, and how it is treated.

use std::cmp::Reverse;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_hub::{Durability, Hub, Policy, Retention, SlowConsumer, TopicSummary};

use super::app_state::AppState;
use super::json_body::json_of_now;
use super::problem_details::Problem;
use super::query::Query;

/// Most topics in a list, and the default.
const MAX_LIMIT: usize = 10_000;

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

/// A policy in words. `null` is no limit. `retain` and `slowReader` are the names before this release.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyJson {
    durability: Durability,
    retention: RetentionJson,
    slow_consumer: SlowConsumer,
    last_value: bool,
    retain: RetentionJson,
    slow_reader: &'static str,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct RetentionJson {
    count: Option<usize>,
    age_seconds: Option<u64>,
    bytes: Option<u64>,
}

pub(super) async fn list(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["order", "limit"])?;
    let newest_first = match query.get("order") {
        None | Some("name") => false,
        Some("newest") => true,
        Some(other) => {
            return Err(Problem::bad_request(format!("order is name or newest, not {other:?}")));
        }
    };
    let limit = query.number("limit", MAX_LIMIT)?.unwrap_or(MAX_LIMIT);
    let hub = AppState::of(&request).hub();
    let mut summaries = hub.topics().await?;
    if newest_first {
        summaries.sort_by_key(|summary| Reverse(summary.span.map(|(_, newest)| newest)));
    }
    let topics = summaries.into_iter().take(limit).map(|summary| TopicJson::new(hub, summary)).collect();
    Ok(json_of_now(TopicList { topics }))
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
    fn from(Policy { durability, retention, slow_consumer, last_value }: Policy) -> Self {
        let Retention { count, age, bytes } = retention;
        let retention = RetentionJson { count, age_seconds: age.map(|age| age.as_secs()), bytes };
        let slow_reader = match slow_consumer {
            SlowConsumer::Disconnect => "cut",
            SlowConsumer::DropOldest => "skip",
            SlowConsumer::Conflate => "latest",
        };
        Self { durability, retention, slow_consumer, last_value, retain: retention, slow_reader }
    }
}
