//! Calls of the HTTP API with JSON answers. No assertions of its own.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Body, Client, Method, RequestBuilder};
use serde_json::Value;

use crate::harness::Server;

/// A running server and a client of it.
pub struct Api {
    pub server: Server,
    client: Client,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Api {
    pub fn start() -> Self {
        // Without those that publish by themselves.
        Self::of(Server::start(&["--apps", "chat,ticker,notifications"]))
    }

    /// Of a server that the test has started.
    pub fn of(server: Server) -> Self {
        Self { server, client: Client::new() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.server.url(path))
    }

    pub fn post(&self, path: &str, body: impl Into<Body>) -> RequestBuilder {
        self.request(Method::POST, path).body(body)
    }

    pub fn batch(&self, path: &str, lines: impl Into<Body>) -> RequestBuilder {
        self.post(path, lines).header("Content-Type", "application/x-ndjson")
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Publishes to a topic and gives the id.
    pub async fn publish(&self, topic: &str, data: impl Into<Body>) -> String {
        let answer = send(self.post(&format!("/topics/{topic}"), data)).await;
        answer.json()["id"].as_str().expect(&answer.text).to_owned()
    }

    /// The data of what is kept of a topic, at most 1,000 events.
    pub async fn kept(&self, topic: &str) -> Vec<String> {
        self.get(&format!("/topics/{topic}?limit=1000")).await.data()
    }
}

/// Longest that an answer may take, with what it waits for.
const LONGEST: Duration = Duration::from_secs(30);

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.timeout(LONGEST).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The data of the events in a page.
    pub fn data(&self) -> Vec<String> {
        let page = self.json();
        let events = page["events"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        events.iter().map(|event| event["data"].as_str().unwrap().to_owned()).collect()
    }

    /// Where the next page starts.
    pub fn next(&self) -> String {
        self.json()["next"].as_str().unwrap().to_owned()
    }

    /// Status and detail of a refusal.
    pub fn problem(&self) -> (u16, String) {
        let problem = self.json();
        (self.status, problem["detail"].as_str().unwrap().to_owned())
    }
}

/// Seq of an id.
pub fn seq(id: &str) -> u64 {
    id.split_once('-').unwrap().1.parse().unwrap()
}

/// The numbers from 0 up to `count` as text.
pub fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}
