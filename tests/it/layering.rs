//! The order of the layers, read from the source: arrows point right only, every file says what it is for, none is a drawer.

mod circles;

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::files;

/// Who may name whom, by the folders of `src/`. Whatever may be named by all is in [`FREE`]; oneself always may.
const RULES: &[(&str, &[&str])] = &[
    // APIs and worker: when something happens. Never the store, never the provider.
    ("grpc", &["contract", "service", "domain", "proto"]),
    ("http", &["contract", "csv", "service", "domain", "proto"]),
    ("worker", &["service", "sender", "domain"]),
    // What both APIs for callers share: the contract's messages, to and from the service.
    ("contract", &["service", "domain", "proto"]),
    // The service layer: what happens.
    ("service", &["sender", "webhooks", "tail", "domain", "spool", "store", "provider", "receiver"]),
    // The engine that sends what is queued, with a state of its own.
    ("sender", &["domain", "spool", "store", "provider"]),
    // The engine that delivers events to endpoints, with a state of its own.
    ("webhooks", &["tail", "domain", "store", "receiver"]),
    // The journal as it grows, for streams and endpoints.
    ("tail", &["domain", "store"]),
    // What it knows of messages while the database is away, on the disk.
    ("spool", &["domain"]),
    // What both remember for a moment, and what is under way in the process.
    ("caches", &["domain", "store"]),
    ("lifecycle", &[]),
    // Whose turn it is, where work waits.
    ("turns", &["domain"]),
    // The rules: whether it happens.
    ("csv", &["domain", "proto"]),
    ("domain", &[]),
    // Ports, and the adapters behind them.
    ("store", &["domain"]),
    ("provider", &["domain"]),
    ("receiver", &["domain"]),
    // The database of the system before this one, which is read once and never written.
    ("legacy", &["domain"]),
    // What a process gives to those who call: whatever lets them in asks it.
    ("admission", &["domain"]),
    // What the APIs and the service layer share: identity, and errors at the service's edge.
    ("auth", &["domain"]),
    ("error", &["domain", "store", "provider"]),
    ("clock", &[]),
    // Its labels are the enums of the rules, and the names of the contract.
    ("metrics", &["admission", "domain", "proto"]),
    // Spans of what the process does, and their way to a collector.
    ("traces", &["domain"]),
    ("otlp", &["domain", "traces"]),
    ("postgres", &[]),
    ("folders", &[]),
    ("proto", &[]),
    ("request_id", &[]),
    ("shutdown", &[]),
    ("supervisor", &[]),
    // A program of its own, which knows the service as little as the provider does.
    ("sandbox", &[]),
    // Composition: reads the configuration, puts everything together, and is named by nobody to its right.
    ("config", &["auth", "domain", "otlp", "provider", "service", "store", "traces"]),
    ("telemetry", &["config"]),
    ("server", &["config", "grpc", "http", "service"]),
    ("app", &["auth", "config", "domain", "otlp", "provider", "receiver", "service", "spool", "store"]),
    (
        "cli",
        &[
            "app",
            "auth",
            "config",
            "csv",
            "domain",
            "grpc",
            "legacy",
            "proto",
            "sandbox",
            "server",
            "service",
            "shutdown",
            "store",
            "supervisor",
            "telemetry",
            "worker",
        ],
    ),
    ("main", &["cli", "config"]),
];

/// Who may name the clock, the errors and the identity besides.
const FREE: &[(&str, &[&str])] = &[
    (
        "clock",
        &[
            "app", "cli", "grpc", "http", "otlp", "sandbox", "sender", "service", "store", "traces", "webhooks",
            "worker",
        ],
    ),
    ("admission", &["app", "config", "grpc", "http", "server", "service"]),
    (
        "error",
        &["admission", "auth", "caches", "contract", "grpc", "http", "sender", "service", "tail", "webhooks", "worker"],
    ),
    ("metrics", &["grpc", "http", "sender", "service", "tail", "webhooks", "worker"]),
    ("caches", &["sender", "service"]),
    ("traces", &["app", "grpc", "http", "sender", "service", "webhooks"]),
    ("lifecycle", &["sender", "service", "tail", "webhooks"]),
    ("request_id", &["grpc", "http"]),
    ("turns", &["admission", "receiver", "webhooks"]),
    ("auth", &["contract", "grpc", "http", "service"]),
    ("postgres", &["legacy", "store"]),
    ("folders", &["app", "store"]),
];

/// The code of every file of `src/`, without comments and texts, by its path from there.
fn sources() -> Vec<(String, String)> {
    let root = files::root().join("src");
    let rust = files::under(&root).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let named = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    rust.map(|path| (named(&path), code(&std::fs::read_to_string(&path).unwrap()))).collect()
}

/// The text of a source file without its comments and what is between double quotes.
fn code(source: &str) -> String {
    let mut code = String::new();
    for line in source.lines() {
        let mut quoted = false;
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            if !quoted && line[at..].starts_with("//") {
                break;
            }
            if c == '"' && before != '\\' && before != '\'' {
                quoted = !quoted;
            } else if !quoted {
                code.push(c);
            }
            before = c;
        }
        code.push('\n');
    }
    code
}

/// The part of the program that a file belongs to.
fn part(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The parts that the code names after `crate::`, in `use` lines and inline.
fn named(code: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    let identifier = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    for (at, path) in code.match_indices("crate::") {
        let after = &code[at + path.len()..];
        let Some(group) = after.strip_prefix('{') else {
            parts.insert(identifier(after));
            continue;
        };
        let mut depth = 1;
        let mut first = true;
        for (at, c) in group.char_indices() {
            if first && (c.is_alphanumeric() || c == '_') && depth == 1 {
                parts.insert(identifier(&group[at..]));
                first = false;
            }
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => first = true,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    parts
}

fn may(from: &str, to: &str) -> bool {
    let rule = |table: &[(&str, &[&str])], key: &str, value: &str| {
        table.iter().any(|(name, others)| *name == key && others.contains(&value))
    };
    from == to || rule(RULES, from, to) || rule(FREE, to, from)
}

#[test]
fn arrows_point_right_only() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let from = part(&file);
        if from == "lib" {
            continue; // The list of the parts.
        }
        assert!(RULES.iter().any(|(name, _)| *name == from), "src/{file} has no place in the order of the layers");
        let left = named(&code).into_iter().filter(|to| !may(from, to));
        wrong.extend(left.map(|to| format!("src/{file} names crate::{to}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What the console may ask of the service beside the contract: who is there, where one is, and whether the provider takes anything, of an account or at all.
const CONSOLE_ASKS: &[&str] = &[
    "admission",
    "authenticate",
    "begin_session",
    "clock",
    "cover_number",
    "holding",
    "link_user",
    "note_console",
    "operations",
    "open_link",
    "provider_available",
    "session",
    "uncover_number",
];

#[test]
fn the_console_asks_what_the_rpcs_ask() {
    let console = sources().into_iter().filter(|(file, _)| file.starts_with("http/console"));
    let (mut files, mut asked) = (0, BTreeSet::new());
    for (file, code) in console {
        files += 1;
        let flat: String = code.split_whitespace().collect();
        // Of the service it knows the type, and a session that begins: everything else has the contract's types.
        for (at, path) in flat.match_indices("crate::service::") {
            let after = &flat[at + path.len()..];
            let known = ["Service", "BegunSession"].iter().any(|name| after.starts_with(name));
            assert!(known, "src/{file} names a type of the service: {}", &after[..after.len().min(30)]);
        }
        for (at, call) in flat.match_indices("service") {
            let after = flat[at + call.len()..].trim_start_matches("()");
            let Some(name) = after.strip_prefix('.') else { continue };
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(CONSOLE_ASKS.contains(&name.as_str()), "src/{file} asks the service: {name}");
            asked.insert(name);
        }
    }
    assert!(files > 20, "the test looks in the wrong place");
    assert_eq!(asked.len(), CONSOLE_ASKS.len(), "nobody asks any more: {asked:?}");
}

#[test]
fn no_path_goes_round_the_order_of_the_layers() {
    for (file, code) in sources() {
        // A module of a part may climb to the part's own index, and not out of it.
        let climb = "super::".repeat(file.split('/').count());
        assert!(!code.contains(&climb), "src/{file}: name what is outside of the part with crate::");
        assert!(!code.contains("messaging::") || file == "main.rs", "src/{file}: name it with crate::");
    }
}

/// The adapters: the modules behind a port that are public, with the names that they make public.
fn adapters(port: &str) -> Vec<(String, BTreeSet<String>)> {
    let public = |file: &str, kinds: &[&str]| -> BTreeSet<String> {
        let code = code(&files::read(file));
        let words: Vec<&str> =
            code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
        let named = words.windows(3).filter(|w| w[0] == "pub" && kinds.contains(&w[1]));
        named.map(|w| w[2].to_owned()).collect()
    };
    let modules = public(&format!("src/{port}.rs"), &["mod"]);
    assert!(!modules.is_empty(), "src/{port}.rs has no adapter");
    let items =
        |module: &String| public(&format!("src/{port}/{module}.rs"), &["struct", "enum", "fn", "const", "trait"]);
    modules.iter().map(|module| (module.clone(), items(module))).collect()
}

#[test]
fn only_the_composition_root_and_the_configuration_name_a_concrete_provider() {
    let root = ["app.rs", "config/load.rs", "config/serving.rs"];
    let mut found = 0;
    for (adapter, items) in adapters("provider") {
        for (file, code) in sources() {
            if file.starts_with("provider/") {
                continue;
            }
            let path = code.contains(&format!("provider::{adapter}"));
            let grouped = code.split("crate::provider::{").skip(1).any(|group| {
                let group = group.split(';').next().unwrap();
                group.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == adapter)
            });
            let typed = code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| items.contains(word) && word.to_lowercase().contains(&adapter));
            if path || grouped || typed {
                assert!(root.contains(&file.as_str()), "src/{file} names provider::{adapter}");
                found += 1;
            }
        }
    }
    assert!(found >= 2, "nobody puts a provider in: the test looks for the wrong names");
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for (file, _) in sources() {
        let first = files::read(&format!("src/{file}")).lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with("//! ") && first.len() > 20, "src/{file} begins with {first:?}");
    }
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long = |(file, _): (String, String)| {
        let lines = files::read(&format!("src/{file}")).lines().count();
        (lines > 400).then(|| format!("src/{file} has {lines} lines"))
    };
    assert_eq!(sources().into_iter().filter_map(long).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn half_of_the_files_are_short_and_nine_of_ten_are_not_long() {
    let length = |(file, _): (String, String)| files::read(&format!("src/{file}")).lines().count();
    let mut lengths: Vec<usize> = sources().into_iter().map(length).collect();
    lengths.sort_unstable();
    let (median, ninety) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    assert!(median <= 110 && ninety <= 240, "the median is {median} lines, nine of ten have {ninety} or fewer");
}

#[test]
fn no_file_is_a_drawer() {
    for (file, _) in sources() {
        for name in ["mod", "util", "utils", "helper", "helpers", "common", "misc", "types"] {
            let drawer = file.split('/').any(|p| p.trim_end_matches(".rs") == name);
            assert!(!drawer, "src/{file}: name it after what it does");
        }
    }
}

#[test]
fn the_names_after_crate_are_found_wherever_they_stand() {
    let source = "use crate::{grpc, http::{routes, Front}};\nuse crate::store; // crate::cli\nlet x = \"crate::app\";\n\
                  fn f(v: &crate::error::Error) { $crate::domain::ids }";
    let found: Vec<_> = named(&code(source)).into_iter().collect();
    assert_eq!(found, ["domain", "error", "grpc", "http", "store"]);
}

/// What the compiler spends seconds on in each query and for each database: see `columns_of`.
const DEAR: [&str; 3] = ["as_select(", "as_returning(", "diesel(embed)"];

#[test]
fn no_query_has_a_type_that_is_dear_to_compile() {
    for (file, code) in sources() {
        let named: Vec<&str> = DEAR.into_iter().filter(|dear| code.contains(dear)).collect();
        assert!(named.is_empty(), "{file} has {named:?}: `columns_of` and flat rows do the same and cost nothing");
    }
}
