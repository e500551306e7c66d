//! `GET /topics`: what there is, and how it is treated.

use std::cmp::Reverse;
use std::iter::{once, repeat};

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sse_core::{RecordId, Topic};
use sse_hub::{
    Durability, Hub, Policy, ReadError, Retention, Selectors, SlowConsumer, TopicList, TopicSummary,
};

use super::app_state::AppState;
use super::json_parts::{json, json_of_parts};
use super::problem_details::Problem;
use super::query::Query;
use crate::auth::Access;

/// Most topics in a list, and the default.
const MAX_LIMIT: usize = 10_000;

/// One topic.
#[derive(Serialize)]
struct TopicJson<'a> {
    topic: &'a str,
    count: usize,
    bytes: u64,
    /// Ids of the oldest and the newest event that is kept, if there is one.
    oldest: Option<RecordId>,
    newest: Option<RecordId>,
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
    let held = count.min(MAX_LIMIT) * size_of::<TopicSummary>();
    let held = hub.budget().try_hold(held).ok_or_else(Problem::over_budget)?;
    // How many there are that one may not read makes no difference.
    let are_many = count > MAX_LIMIT && selectors.is_all();
    let list = TopicList { selectors, prefix, after, limit, newest_first };
    let sorted = if newest_first && !are_many { sorted_topics(hub, &list).await? } else { None };
    let summaries = match sorted {
        Some(summaries) => summaries,
        None => hub.topics(list).await?,
    };
    let last = summaries.last().filter(|_| !newest_first && summaries.len() == limit);
    let end = last.map_or("]}".to_owned(), |last| format!("],\"next\":\"{}\"}}", last.topic));
    let separators = once("").chain(repeat(","));
    let hub = hub.clone();
    let topics = separators.zip(summaries);
    let topics = topics.map(move |(separator, summary)| format!("{separator}{}", topic_json(&summary, &hub)));
    Ok(json_of_parts(&request, once("{\"topics\":[".to_owned()).chain(topics).chain(once(end)), held))
}

/// The newest ones of all; `None` if these are too many to look at each.
async fn sorted_topics(hub: &Hub, list: &TopicList) -> Result<Option<Vec<TopicSummary>>, ReadError> {
    let all = TopicList { limit: MAX_LIMIT + 1, newest_first: false, ..list.clone() };
    let mut summaries = hub.topics(all).await?;
    if summaries.len() > MAX_LIMIT {
        return Ok(None);
    }
    summaries.sort_by_key(|summary| Reverse(summary.span.map(|(_, newest)| newest)));
    summaries.truncate(list.limit);
    Ok(Some(summaries))
}

fn topic_json(TopicSummary { topic, policy, count, bytes, span }: &TopicSummary, hub: &Hub) -> String {
    let (oldest, newest) = span.unzip();
    let id = |seq| hub.id(seq);
    json(&TopicJson {
        topic: topic.as_str(),
        count: *count,
        bytes: *bytes,
        oldest: oldest.map(id),
        newest: newest.map(id),
        policy: (*policy).into(),
    })
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
