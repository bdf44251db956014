//! `postman/`: the collection asks every route that the API documents, and holds no credentials. `scripts/clients` runs it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::document::{document, operations};
use crate::support::app::TestApp;
use crate::support::database::Kind;
use crate::support::files;

fn read(name: &str) -> Value {
    serde_json::from_str(&files::read(&format!("postman/{name}"))).unwrap()
}

/// Every request under these items, with the folders' own.
fn requests(items: &Value) -> Vec<Value> {
    let each = |item: &Value| if item["item"].is_array() { requests(&item["item"]) } else { vec![item.clone()] };
    items.as_array().unwrap().iter().flat_map(each).collect()
}

/// Method and path, with names such as `{id}` where Postman writes `:id`.
fn asked(request: &Value) -> (String, String) {
    let segments = request["request"]["url"]["path"].as_array().unwrap().iter().map(|segment| {
        let segment = segment.as_str().unwrap();
        segment.strip_prefix(':').map_or_else(|| format!("/{segment}"), |name| format!("/{{{name}}}"))
    });
    (request["request"]["method"].as_str().unwrap().to_owned(), segments.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collection_asks_every_route_and_no_other_and_checks_each_answer() {
    let app = TestApp::start(Kind::Sqlite).await;
    let documented = operations(&document(&app).await).into_iter().map(|(path, method, _)| (method, path));
    let documented: BTreeSet<_> = documented.collect();
    let requests = requests(&read("messaging.postman_collection.json")["item"]);
    let (errors, good): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request["name"].as_str().unwrap().starts_with("Error: "));
    assert_eq!(good.into_iter().map(asked).collect::<BTreeSet<_>>(), documented);
    assert!(errors.len() >= 15, "{}", errors.len());
    let paths: BTreeSet<_> = documented.into_iter().map(|(_, path)| path).collect();
    for request in &requests {
        let (method, path) = asked(request);
        assert!(paths.contains(&path), "{method} {path} is no route");
        let raw = request["request"]["url"]["raw"].as_str().unwrap().split('?').next().unwrap();
        let same = path.replace('{', ":").replace('}', "");
        assert_eq!(raw, format!("{{{{baseUrl}}}}{same}"), "both forms of a URL say the same");
        let scripts = request["event"].as_array().unwrap().iter().filter(|event| event["listen"] == "test");
        let tests = scripts.map(|event| event["script"]["exec"].to_string()).collect::<String>();
        assert!(tests.contains("pm.test(") && tests.contains("status("), "{method} {path} checks no answer");
    }
}

#[test]
fn every_group_of_requests_has_an_error() {
    let collection = read("messaging.postman_collection.json");
    let folders = collection["item"].as_array().unwrap().iter().skip(1);
    for folder in folders {
        let mut names = requests(&folder["item"]).into_iter().map(|request| request["name"].to_string());
        assert!(names.any(|name| name.contains("Error: ")), "{} has no error", folder["name"]);
    }
}

#[test]
fn the_files_hold_no_credentials() {
    let environment = read("local.postman_environment.json");
    for variable in environment["values"].as_array().unwrap() {
        let secret = variable["type"] == "secret";
        assert_eq!(secret, variable["value"] == "", "{}", variable["key"]);
    }
    let collection = read("messaging.postman_collection.json");
    assert!(collection["variable"].as_array().unwrap().iter().all(|variable| variable["value"] == ""));
    assert_eq!(collection["auth"]["bearer"][0]["value"], "{{token}}");
    assert!(!collection.to_string().contains("eyJ"), "a token is in the collection");
}
