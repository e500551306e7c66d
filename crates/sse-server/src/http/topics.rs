//! `GET /topics`: what there is, and how it is treated.

use std::cmp::Reverse;
use std::iter::{once, repeat};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::Topic;
use sse_hub::{Durability, Hub, Policy, Retention, Selectors, SlowConsumer, TopicList, TopicSummary};

use super::app_state::AppState;
use super::json_parts::{json, json_of_parts};
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

/// Most topics in a list, and the default.
const MAX_LIMIT: usize = 10_000;

/// What an answer holds of a topic while it is written.
struct Listed {
    topic: Arc<Topic>,
    count: usize,
    bytes: u64,
    span: Option<(u64, u64)>,
    /// Topics of one policy share it: there are few.
    policy: Rc<str>,
}

/// One topic, up to its policy.
#[derive(Serialize)]
struct TopicJson<'a> {
    topic: &'a str,
    count: usize,
    bytes: u64,
    /// Ids of the oldest and the newest event that is kept, if there is one.
    oldest: Option<String>,
    newest: Option<String>,
}

/// A policy in words. `null` is no limit. `retain` and `slowReader` are the names before this release.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyJson {
    durability: Durability,
    retention: RetentionJson,
    slow_consumer: SlowConsumer,
    last_value: bool,
    idle_seconds: Option<u64>,
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

pub(super) async fn list(request: HttpRequest, access: Access) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["prefix", "after", "order", "limit"])?;
    let newest_first = match query.get("order") {
        None | Some("name") => false,
        Some("newest") => true,
        Some(other) => {
            return Err(Problem::bad_request(format!("order is name or newest, not {other:?}")));
        }
    };
    let after = query.get("after").map(Topic::new).transpose();
    let after = after.map_err(|error| Problem::bad_request(format!("after: {error}")))?;
    if newest_first && after.is_some() {
        return Err(Problem::bad_request("`after` goes by name; leave `order` out"));
    }
    let limit = query.number("limit", MAX_LIMIT)?.unwrap_or(MAX_LIMIT);
    let prefix = query.get("prefix").unwrap_or_default().to_owned();
    let hub = AppState::of(&request).hub();
    let selectors = access.narrow(&Selectors::all())?;
    let count = hub.topic_count().await?;
    let held = count.min(MAX_LIMIT) * size_of::<Listed>();
    let held = hub.budget().try_hold(held).ok_or_else(Problem::over_budget)?;
    // Few enough to look at all of them.
    let sorts = newest_first && count <= MAX_LIMIT;
    let most = if sorts { MAX_LIMIT } else { limit };
    let list = TopicList { selectors, prefix, after, limit: most, newest_first: newest_first && !sorts };
    let mut summaries = hub.topics(list).await?;
    if sorts {
        summaries.sort_by_key(|summary| Reverse(summary.span.map(|(_, newest)| newest)));
        summaries.truncate(limit);
    }
    let last = summaries.last().filter(|_| !newest_first && summaries.len() == limit);
    let end = last.map_or("]}".to_owned(), |last| format!("],\"next\":\"{}\"}}", last.topic));
    let separators = once("").chain(repeat(","));
    let hub = hub.clone();
    let topics = separators.zip(listed(summaries)).map(move |(separator, topic)| topic.json(&hub, separator));
    Ok(json_of_parts(&request, once("{\"topics\":[".to_owned()).chain(topics).chain(once(end)), held))
}

fn listed(summaries: Vec<TopicSummary>) -> Vec<Listed> {
    let mut policies: Vec<(Policy, Rc<str>)> = Vec::new();
    let listed = |TopicSummary { topic, policy, count, bytes, span }| {
        let known = policies.iter().find(|(known, _)| *known == policy).map(|(_, json)| Rc::clone(json));
        let policy = known.unwrap_or_else(|| {
            let json: Rc<str> = json(&PolicyJson::from(policy)).into();
            policies.push((policy, Rc::clone(&json)));
            json
        });
        Listed { topic, count, bytes, span, policy }
    };
    summaries.into_iter().map(listed).collect()
}

impl Listed {
    fn json(&self, hub: &Hub, separator: &str) -> String {
        let (oldest, newest) = self.span.unzip();
        let id = |seq: u64| hub.id(seq).to_string();
        let topic = json(&TopicJson {
            topic: self.topic.as_str(),
            count: self.count,
            bytes: self.bytes,
            oldest: oldest.map(id),
            newest: newest.map(id),
        });
        format!("{separator}{},\"policy\":{}}}", topic.trim_end_matches('}'), self.policy)
    }
}

impl From<Policy> for PolicyJson {
    fn from(Policy { durability, retention, slow_consumer, last_value, idle }: Policy) -> Self {
        let Retention { count, age, bytes } = retention;
        let retention = RetentionJson { count, age_seconds: age.map(|age| age.as_secs()), bytes };
        let slow_reader = match slow_consumer {
            SlowConsumer::Disconnect => "cut",
            SlowConsumer::DropOldest => "skip",
            SlowConsumer::Conflate => "latest",
        };
        let idle_seconds = idle.map(|idle| idle.as_secs());
        Self {
            durability,
            retention,
            slow_consumer,
            last_value,
            idle_seconds,
            retain: retention,
            slow_reader,
        }
    }
}
