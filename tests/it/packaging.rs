//! What is in `packaging/`, held to the program: the variables that it sets, the metrics that it names, the pages that it leads to.

use std::collections::{BTreeMap, BTreeSet};

use messaging::metrics::Loop;
use messaging::proto::SendSingleRequest;

use crate::support::app::TestApp;
use crate::support::database::Kind;
use crate::support::files;
use crate::support::program::printed;
use crate::support::store::eventually;

const RULES: &str = "packaging/prometheus/rules.yaml";
const DASHBOARD: &str = "packaging/grafana/messaging.json";

/// The series of a page of metrics, by the name that queries use: the labels of each.
type Series = BTreeMap<String, Vec<BTreeMap<String, String>>>;

/// `a="b",c="d"` of a series or a selector: label, operator and value.
fn labels(text: &str) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('"') {
        let (value, behind) = after.split_once('"').unwrap();
        let name = name.trim_start_matches([',', ' ']);
        let label = name.trim_end_matches(['=', '~', '!']);
        all.push((label.to_owned(), name[label.len()..].to_owned(), value.to_owned()));
        rest = behind;
    }
    all
}

fn served(page: &str) -> Series {
    let mut series = Series::new();
    for line in page.lines() {
        if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').unwrap();
            let endings: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            for ending in endings {
                series.entry(format!("{name}{ending}")).or_default();
            }
        } else if !line.starts_with('#') {
            let (name, text) = line.split_once('{').map_or_else(
                || (line.split(' ').next().unwrap(), ""),
                |(name, rest)| (name, rest.rsplit_once('}').unwrap().0),
            );
            let labels = labels(text).into_iter().map(|(label, _, value)| (label, value)).collect();
            series.entry(name.to_owned()).or_default().push(labels);
        }
    }
    series
}

/// The metrics that expressions name, with what they select of each.
fn named(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for prefix in ["messaging_", "process_"] {
        for (at, _) in text.match_indices(prefix) {
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let name: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let after = &text[at + name.len()..];
            let selected = after.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inner, _)| inner);
            all.push((name, selected.to_owned()));
        }
    }
    all
}

/// The expressions of the dashboard: what it shows, asks for and marks.
fn expressions(value: &serde_json::Value, all: &mut String) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if ["expr", "query"].contains(&name.as_str()) => {
                        all.push_str(text);
                        all.push('\n');
                    }
                    _ => expressions(value, all),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| expressions(value, all)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_and_label_that_alerts_and_dashboard_name_is_served() {
    // Prometheus adds these.
    const OF_THE_SCRAPE: [&str; 3] = ["job", "instance", "le"];
    let app = TestApp::start(Kind::Sqlite).await;
    // Series whose labels are not known before are there with the first of their kind.
    let send =
        SendSingleRequest { destination: "+306900000003".to_owned(), text: "x".to_owned(), ..Default::default() };
    app.alice().send_single(send).await.unwrap();
    // A call has ended once its answer was sent, of which its caller may know a moment earlier.
    let timed = r#"messaging_rpc_seconds_count{method="SendSingle",code="Ok"} 1"#;
    eventually(async || app.service.render_metrics().await.contains(timed)).await;
    let (status, _) = crate::http::answer(&app, "GET", "/api/v1/messages").await;
    assert_eq!(status, http::StatusCode::UNAUTHORIZED);
    app.service.metrics().came_round(Loop::Send);
    let served = served(&app.service.render_metrics().await);
    let mut dashboard = String::new();
    expressions(&serde_json::from_str(&files::read(DASHBOARD)).unwrap(), &mut dashboard);
    let mut asked = BTreeSet::new();
    for (file, text) in [(RULES, files::read(RULES)), (DASHBOARD, dashboard)] {
        let named = named(&text);
        assert!(named.len() > 15, "{file} names {} metrics", named.len());
        for (name, selected) in named {
            let Some(series) = served.get(&name) else { panic!("{file}: {name} is not served") };
            for (label, operator, value) in labels(&selected) {
                // What has begun with the first call has no labels yet.
                if OF_THE_SCRAPE.contains(&label.as_str()) || series.is_empty() {
                    continue;
                }
                assert!(series.iter().all(|series| series.contains_key(&label)), "{file}: {name} has no {label}");
                let values = if operator.contains('~') { value.split('|').collect() } else { vec![value.as_str()] };
                for value in values.into_iter().filter(|value| value.chars().all(char::is_alphanumeric)) {
                    let is_there = series.iter().any(|series| series.get(&label).is_some_and(|is| is == value));
                    assert!(is_there, "{file}: no series of {name} has {label}=\"{value}\"");
                }
            }
            asked.insert(name);
        }
    }
    assert!(asked.len() > 30, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_told_of_every_metric_that_is_served() {
    let app = TestApp::start(Kind::Sqlite).await;
    app.service.metrics().came_round(Loop::Send);
    let page = app.service.render_metrics().await;
    let operations = files::read("docs/operations.md");
    let mut told = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = name.strip_prefix("messaging_").unwrap_or(name);
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        assert!(operations.contains(&format!("`{name}`")), "docs/operations.md lacks {name}");
        told += 1;
    }
    assert!(told > 40, "{page}");
}

#[test]
fn every_alert_has_its_section_of_the_runbook_and_its_tests() {
    let rules = files::read(RULES);
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbook = files::read("docs/runbook.md");
    let sections: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(alerts, sections, "docs/runbook.md has the alerts' sections in the alerts' order");
    let tests = files::read("packaging/prometheus/rules.test.yaml");
    for alert in alerts {
        let link = format!("runbook: docs/runbook.md#{}", alert.to_lowercase());
        assert!(rules.lines().any(|line| line.trim() == link), "{RULES}: {alert} does not lead to {link}");
        let line = format!("        alertname: {alert}");
        let fires =
            tests.lines().zip(tests.lines().skip(1)).any(|(one, next)| one == line && next.contains("exp_alerts"));
        assert!(fires, "{alert}: no test has it fire");
        assert!(tests.contains(&format!("alertname: {alert}}}")), "{alert}: no test has it stay silent");
    }
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**Means.**", "**See.**", "**Do.**"] {
            assert!(section.contains(part), "{part} is missing in the runbook:\n{section}");
        }
    }
}

/// The variables that a file sets, as `NAME=value` or `NAME: value`, commented out or not.
fn set(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches('#').trim_end_matches(['\\', ' ']);
        let line = line.trim_start_matches("ENV ").trim_start_matches("Environment=").trim_start();
        let name: String =
            line.chars().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_').collect();
        let value = line[name.len()..].strip_prefix('=').or_else(|| line[name.len()..].strip_prefix(": "));
        if let Some(value) = value.filter(|_| name.len() > 3) {
            all.insert(name, value.trim_matches('\'').to_owned());
        }
    }
    all
}

#[test]
fn every_variable_that_the_packages_set_is_one_of_the_programs() {
    const OTHERS: [&str; 6] = [
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD_FILE",
        "REVISION",
        "RUSTUP_TOOLCHAIN",
        "MESSAGING_REVISION",
    ];
    let page = files::read("docs/configuration.md");
    let mut seen = 0;
    for file in [
        "debian/messaging.env",
        "debian/messaging-run",
        "systemd/messaging.service",
        "docker/Dockerfile",
        "docker/compose.yaml",
        "kubernetes/config.yaml",
        "kubernetes/secret.example.yaml",
    ] {
        for name in set(&files::read(&format!("packaging/{file}"))).into_keys() {
            let declared = |name: &str| page.contains(&format!("\n| `{name}` |"));
            let in_a_file = name.strip_suffix("_FILE").is_some_and(declared);
            assert!(OTHERS.contains(&name.as_str()) || declared(&name) || in_a_file, "packaging/{file} sets {name}");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} variables were found");
}

#[test]
fn the_image_is_built_from_all_that_the_build_reads() {
    let (image, let_in) =
        (files::read("packaging/docker/Dockerfile"), files::read("packaging/docker/Dockerfile.dockerignore"));
    let build = files::read("build.rs");
    let manual = build.split("const MANUAL").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let folders: BTreeSet<&str> =
        manual.split("(\"").skip(1).filter_map(|rest| rest.split(['/', '"']).next()).collect();
    assert!(folders.contains("docs") && folders.contains("clients"), "{folders:?}");
    for folder in folders.into_iter().chain([".cargo", "migrations", "proto", "src"]) {
        assert!(image.contains(&format!("\nCOPY {folder} {folder}\n")), "{folder} is not copied");
        assert!(let_in.contains(&format!("\n!{folder}\n")), "{folder} is left out");
    }
}

#[test]
fn what_the_packages_set_is_a_good_configuration() {
    const SECRETS: [(&str, &str); 4] = [
        ("MITTO_API_KEY", "key"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("PSEUDONYM_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display().to_string();
    let database = format!("sqlite://{data}/messaging.db");
    let file = |path: &str| files::read(&format!("packaging/{path}"));
    // As somebody fills it in who uncomments the lines.
    let settled: String = file("debian/messaging.env")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n");
    let places = [
        ("Debian", set(&settled)),
        ("Docker", set(&(file("docker/Dockerfile") + &file("docker/compose.yaml")))),
        ("Kubernetes", set(&(file("kubernetes/config.yaml") + &file("kubernetes/secret.example.yaml")))),
    ];
    for (place, set) in places {
        let own = set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = own.filter(|(name, value)| {
            !name.ends_with("_FILE") && !value.starts_with("${") && *name != "RUSTUP_TOOLCHAIN"
        });
        let mut env: BTreeMap<&str, &str> = own.collect();
        env.extend(SECRETS);
        env.extend([("DATABASE_URL", database.as_str()), ("DATA_DIR", data.as_str())]);
        let env: Vec<(&str, &str)> = env.into_iter().collect();
        let said = printed(&["check-config"], &env);
        assert!(said.contains("the configuration is good"), "{place}: {said}");
    }
}
