//! The description of the API against the server itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, send};

const MESSAGE: &str = r#"{"username":"ann","text":"hello"}"#;
const PRESENCE: &str = r#"{"username":"ann","client":"1"}"#;
const NOTIFICATION: &str = r#"{"category":"a","severity":"info","title":"t"}"#;

/// Paths of the API that are those of pages too.
const PAGES: [&str; 1] = ["/notifications"];

struct Document(Value);

impl Document {
    async fn of(api: &Api) -> Self {
        let answer = api.get("/openapi.json").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        Self(answer.json())
    }

    /// Follows references until there is none.
    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("references are within the document");
                self.resolve(self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} is not there")))
            }
            None => node,
        }
    }

    /// Checks a value against the parts of JSON Schema that the document uses.
    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let fitting = choices.iter().filter(|choice| self.check(choice, value).is_ok()).count();
            return if fitting == 1 { Ok(()) } else { Err(format!("{value} fits {fitting} of {choices:?}")) };
        }
        let types = schema.get("type").map(|types| types.as_array().cloned().unwrap_or(vec![types.clone()]));
        if types.is_some_and(|types| !types.contains(&json!(type_of(value)))) {
            return Err(format!("{value} is not of {}", schema["type"]));
        }
        let allowed = schema.get("enum").and_then(Value::as_array);
        if allowed.is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("{value} is not one of {}", schema["enum"]));
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(&schema["items"], item)?;
        }
        value.as_object().map_or(Ok(()), |fields| self.check_fields(schema, fields))
    }

    fn check_fields(&self, schema: &Value, fields: &serde_json::Map<String, Value>) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten() {
            let there = fields.contains_key(name.as_str().unwrap());
            there.then_some(()).ok_or_else(|| format!("{name} is missing in {fields:?}"))?;
        }
        for (name, field) in fields {
            match schema["properties"].get(name) {
                Some(property) => self.check(property, field).map_err(|error| format!("{name}: {error}"))?,
                None if schema["additionalProperties"] == false => {
                    return Err(format!("{name} is not described"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Checks an answer against what the document says of this operation and status.
    fn check_answer(&self, method: &str, path: &str, answer: &Answer) {
        let responses = &self.0["paths"][path][method]["responses"];
        let response = self.resolve(&responses[answer.status.to_string()]);
        let content = &response["content"][answer.header("content-type")];
        assert!(content.is_object(), "{method} {path} is not described: {answer:?}");
        self.check(&content["schema"], &answer.json())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    }

    fn query_parameters<'a>(&'a self, operation: &'a Value) -> Vec<&'a str> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|parameter| self.resolve(parameter));
        parameters.filter(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap()).collect()
    }

    /// Calls `act` with every object that has this key.
    fn each(node: &Value, key: &str, act: &mut impl FnMut(&Value)) {
        if node.get(key).is_some() {
            act(node);
        }
        let fields = node.as_object().into_iter().flat_map(|fields| fields.values());
        fields.chain(node.as_array().into_iter().flatten()).for_each(|child| Self::each(child, key, act));
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[tokio::test]
async fn paths_have_the_methods_and_parameters_that_are_described() {
    let api = Api::start();
    let document = Document::of(&api).await;
    for (path, item) in document.0["paths"].as_object().unwrap() {
        let url = path.replace("{topic}", "a/b");
        let methods: Vec<&String> =
            item.as_object().unwrap().keys().filter(|key| *key != "parameters").collect();
        let refused = send(api.request(Method::PATCH, &url)).await;
        let mut methods = methods;
        methods.sort_unstable();
        let mut allowed: Vec<String> = refused.header("allow").split(", ").map(str::to_lowercase).collect();
        allowed.sort_unstable();
        // GET of a page is not part of the API.
        let of_page = PAGES.contains(&path.as_str()).then_some("get");
        allowed.retain(|method| method != "head" && Some(method.as_str()) != of_page);
        assert_eq!(methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(), allowed, "{path}");
        for method in methods {
            let request = api.request(method.to_uppercase().parse().unwrap(), &format!("{url}?no-such=1"));
            let (status, detail) =
                send(request.header("Content-Type", "application/x-ndjson")).await.problem();
            let known = detail.split('`').skip(1).step_by(2).collect::<Vec<_>>();
            assert_eq!(
                (status, known),
                (400, document.query_parameters(&item[method])),
                "{method} {path}: {detail}"
            );
        }
    }
}

#[tokio::test]
async fn references_and_examples_are_right() {
    let document = Document::of(&Api::start()).await;
    Document::each(&document.0, "$ref", &mut |node| {
        document.resolve(node);
    });
    let mut examples = 0;
    Document::each(&document.0, "example", &mut |node| {
        examples += 1;
        document.check(&node["schema"], &node["example"]).unwrap_or_else(|error| panic!("{error}"));
    });
    assert!(examples > 10, "{examples}");
}

#[tokio::test]
async fn answers_are_as_described() {
    let api = Api::start();
    let document = Document::of(&api).await;
    let calls = [
        ("post", "/topics/{topic}", api.post("/topics/a?event=tick&retry=5&key=k", "x")),
        ("post", "/topics/{topic}", api.post("/topics/a?key=k", "x")),
        ("post", "/topics/{topic}", api.batch("/topics/a", "{\"data\":1}")),
        ("post", "/topics/{topic}", api.batch("/topics/a", "{\"data\":1")),
        ("post", "/topics/{topic}", api.post("/topics/a", "x".repeat(2 << 20))),
        ("post", "/topics", api.batch("/topics?key=k", "{\"data\":1,\"topic\":\"b\"}")),
        ("post", "/topics", api.batch("/topics?key=k", "{\"data\":1,\"topic\":\"b\"}")),
        ("post", "/topics", api.post("/topics", "x")),
        ("post", "/notifications", api.post("/notifications?key=k", NOTIFICATION)),
        ("post", "/notifications", api.post("/notifications?key=k", NOTIFICATION)),
        ("post", "/notifications", api.post("/notifications", "{}")),
        ("post", "/notifications", api.post("/notifications", "x".repeat(33 << 10))),
        ("post", "/chat/messages", api.post("/chat/messages?key=k", MESSAGE)),
        ("post", "/chat/messages", api.post("/chat/messages?key=k", MESSAGE)),
        ("post", "/chat/messages", api.post("/chat/messages", "{}")),
        ("post", "/chat/presence", api.post("/chat/presence", PRESENCE)),
        ("get", "/chat/users", api.request(Method::GET, "/chat/users")),
        ("get", "/hub", api.request(Method::GET, "/hub")),
        ("get", "/topics", api.request(Method::GET, "/topics?order=newest&limit=5")),
        ("get", "/topics", api.request(Method::GET, "/topics?x=1")),
        ("post", "/ticker/quotes", api.post("/ticker/quotes", r#"{"symbol":"A","price":1.5}"#)),
        ("post", "/ticker/quotes", api.post("/ticker/quotes", r#"[{"symbol":"A","price":0}]"#)),
        ("post", "/ticker/quotes", api.batch("/ticker/quotes", "{\"symbol\":\"A B\",\"price\":1}")),
        ("post", "/ticker/quotes", api.post("/ticker/quotes", "x".repeat(2 << 20))),
        ("get", "/ticker/symbols", api.request(Method::GET, "/ticker/symbols")),
        ("get", "/topics/{topic}", api.request(Method::GET, "/topics/a?after=x")),
        ("get", "/poll", api.request(Method::GET, "/poll?timeout=0")),
        ("get", "/poll", api.request(Method::GET, "/poll?after=earliest")),
    ];
    let mut statuses = std::collections::BTreeSet::new();
    for (method, path, request) in calls {
        let answer = send(request).await;
        statuses.insert(answer.status);
        document.check_answer(method, path, &answer);
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200, 400, 413, 415]);
}
