//! `/openapi.json` and `/docs`: what is documented is what is routed, and its examples work.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::{ask, post, send, with_scopes};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::contract::rpcs;
use crate::support::database::Kind;
use crate::support::files;

/// The document, as the API serves it.
pub async fn document(app: &TestApp) -> Value {
    send(app, http::Request::get("/openapi.json"), "").await.ok()
}

/// Path, method and operation of everything in the document.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().clone();
        let path = path.clone();
        operations.into_iter().map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

/// The paths that the source routes.
fn routed() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let source = files::under(&files::root().join("src/http")).into_iter().chain([files::root().join("src/http.rs")]);
    for file in source.filter(|path| path.extension().is_some_and(|e| e == "rs") && !path.ends_with("operations.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for literal in code.split('"').skip(1).step_by(2) {
            let path = [
                "/api/",
                "/webhooks/",
                "/healthz",
                "/readyz",
                "/metrics",
                "/openapi.json",
                "/docs",
                "/clients",
                "/llms.txt",
            ];
            let is_start = literal.ends_with('/') || literal == "/api/v1";
            if path.iter().any(|start| literal.starts_with(start)) && !literal.contains("{}") && !is_start {
                paths.insert(literal.to_owned());
            }
        }
    }
    paths
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_documented_is_what_is_routed() {
    let app = TestApp::start(Kind::Sqlite).await;
    let document = document(&app).await;
    let documented: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(documented, routed());
    for path in &documented {
        // A method that no route knows is told which ones there are.
        let concrete = path.replace(['{', '}'], "");
        let answer = ask(&app, app.alice, "PURGE", &concrete).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.headers["allow"].to_str().unwrap();
        let allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).filter(|m| m != "HEAD").collect();
        let methods = document["paths"][path].as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_whole() {
    let app = TestApp::start(Kind::Sqlite).await;
    let document = document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id")).to_owned();
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{id} has no summary");
        assert!(ids.insert(id.clone()), "{id} is there twice");
        if !path.starts_with("/api/") {
            continue;
        }
        let responses = operation["responses"].as_object().unwrap();
        for status in ["200", "400", "401", "403", "429", "500", "503"] {
            assert!(responses.contains_key(status), "{id} lacks {status}");
        }
        // It takes as long as its body comes.
        assert_eq!(responses.contains_key("504"), id != "AddRecipients", "{id}");
        let reads_body = operation.get("requestBody").is_some();
        assert_eq!(responses.contains_key("413"), reads_body, "{id}");
        let in_path = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path");
        let documented: Vec<&str> = in_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let named: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(documented, named, "{id}: the names in {path} are its parameters");
    }
    // An RPC that is not offered here is offered by another route, or goes both ways, which no route does.
    let elsewhere = ["GetMessageStatus", "RefreshStatus", "RefreshStatusBulk", "SendMany"];
    for (_, rpc) in rpcs() {
        assert!(ids.contains(&rpc) || elsewhere.contains(&rpc.as_str()), "{rpc} has no route");
    }
}

/// An example of a form as a browser sends it, each field a file.
fn form(fields: &Value) -> String {
    let part = |(name, text): (&String, &Value)| {
        let head = format!("content-disposition: form-data; name=\"{name}\"; filename=\"{name}\"");
        format!("--part\r\n{head}\r\n\r\n{}\r\n", text.as_str().unwrap())
    };
    fields.as_object().unwrap().iter().map(part).chain(["--part--\r\n".to_owned()]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_requests_are_understood() {
    let app = TestApp::start(Kind::Sqlite).await;
    let document = document(&app).await;
    let made =
        post(&app, app.alice, "/api/v1/campaigns", &json!({"name": "c", "text": "Hi {{first_name}}"})).await.ok();
    let campaign = made["campaign"]["id"].as_str().unwrap();
    let mut tried = 0;
    for (path, method, operation) in operations(&document).into_iter().filter(|(path, ..)| path.starts_with("/api/")) {
        for (media, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let name = body["schema"]["$ref"].as_str().unwrap_or("#/").trim_start_matches('#');
            let schema = document.pointer(name).unwrap_or(&body["schema"]);
            let example =
                body.get("example").or_else(|| schema["examples"].get(0)).or_else(|| body["schema"]["examples"].get(0));
            let Some(example) = example else {
                assert_ne!(operation["requestBody"]["required"], true, "{path} has no example of a body");
                continue;
            };
            let (media, text) = if media == "multipart/form-data" {
                (format!("{media}; boundary=part"), form(example))
            } else {
                let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                (media.clone(), text.replace("\"7\"", &format!("\"{campaign}\"")))
            };
            let path = path
                .replace("/users/{id}", "/users/1")
                .replace("/api-keys/{id}", "/api-keys/1")
                .replace("{owner_id}", "1");
            let path = path.replace("{campaign_id}", campaign).replace("{id}", "01a20750-9db4-798c-9475-920d5f61822c");
            let scopes = format!("{ORDINARY} ops act-as");
            let request = with_scopes(&app, app.alice, &scopes, &method, &path).header("content-type", media);
            let answer = send(&app, request, text).await;
            assert!(matches!(answer.status.as_u16(), 200 | 404 | 409), "{method} {path}: {}", answer.text());
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_the_manual_is_listed_and_served_with_links_that_lead_somewhere() {
    let app = TestApp::start(Kind::Sqlite).await;
    let list = send(&app, http::Request::get("/llms.txt"), "").await;
    assert_eq!(list.headers["content-type"], "text/markdown; charset=utf-8");
    let list = list.text();
    assert!(list.starts_with("# messaging\n\n> ") && list.contains("\n## to call it\n"), "{list}");
    let pages = std::fs::read_dir(files::root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<_> = pages.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    assert!(pages.len() > 10);
    for path in pages {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || list.contains(&format!("\n- [{name}](/docs/{name}): ")), "{name}: {list}");
        let page = send(&app, http::Request::get(format!("/docs/{name}")), "").await;
        let (served, written) = (page.text(), std::fs::read_to_string(&path).unwrap());
        assert_eq!(served.lines().count(), written.lines().count(), "{name}");
        // Whoever has the program alone can follow every link.
        for link in served.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            if !link.is_empty() && !link.contains(':') {
                let place =
                    link.strip_prefix("../").map_or_else(|| format!("/docs/{link}"), |above| format!("/{above}"));
                let place = if link.starts_with('/') { link.to_owned() } else { place };
                assert_eq!(send(&app, http::Request::get(&place), "").await.status, 200, "{name} leads to {link}");
            }
        }
    }
    let client = send(&app, http::Request::get("/clients/python/messaging_client.py"), "").await;
    assert!(
        client.text() == std::fs::read_to_string(files::root().join("clients/python/messaging_client.py")).unwrap()
    );
    assert_eq!(client.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(send(&app, http::Request::get("/docs/nonsense.md"), "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_needs_nothing_from_elsewhere() {
    let app = TestApp::start(Kind::Sqlite).await;
    let page = send(&app, http::Request::get("/docs"), "").await;
    let html = page.text();
    assert!(html.contains("/api/v1/messages/{id}") && html.contains("POST"), "{html}");
    // The URL in an example leads nowhere, and is no link.
    let html = html.replace("https://shop.example/hooks/sms", "");
    for outside in ["<script", "<link", "<img", "http://", "https://", "@import", "url("] {
        assert!(!html.contains(outside), "the page has {outside}");
    }
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("style-src 'sha256-"));
}
