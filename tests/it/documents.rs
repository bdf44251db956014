//! The documents, held to what they are about: the configuration, the contract, the source, and each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::http::document::{document, operations};
use crate::support::app::TestApp;
use crate::support::contract::rpcs;
use crate::support::database::Kind;
use crate::support::files;
use crate::support::program::{Running, printed};

/// The document with the tables of RPCs and commands.
const REFERENCE: &str = "docs/reference.md";

/// All documents, by their path from the root.
fn documents() -> Vec<(PathBuf, String)> {
    let all = files::under(files::root()).into_iter();
    let documents = all.filter(|path| path.extension().is_some_and(|e| e == "md"));
    documents.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_page_of_the_configuration_and_the_example_of_an_environment_are_what_the_program_prints() {
    for (form, file) in [("page", "docs/configuration.md"), ("env", ".env.example")] {
        let printed = printed(&["check-config", "--reference", form], &[]);
        let command = format!("messaging check-config --reference {form} >{file}");
        assert_eq!(files::read(file).trim(), printed, "{file} is out of date: {command}");
    }
}

/// The first cells of the table under this header's first cell, without their backticks.
fn rows(document: &str, header: &str) -> Vec<String> {
    let rows = document.lines().skip_while(|line| !line.starts_with(&format!("| {header} |"))).skip(2);
    let cells = rows.map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.map(str::to_owned).collect()
}

#[test]
fn the_reference_has_every_rpc_and_no_other() {
    let reference = files::read(REFERENCE);
    let rpcs = rpcs();
    for service in rpcs.iter().map(|(service, _)| service).collect::<BTreeSet<_>>() {
        let ours = rpcs.iter().filter(|(of, _)| of == service).map(|(_, method)| method.clone());
        let told = rows(&reference, &format!("`{service}`")).into_iter().map(|row| row.replace('`', ""));
        assert_eq!(told.collect::<BTreeSet<_>>(), ours.collect(), "{REFERENCE}, {service}");
    }
}

#[test]
fn the_readme_is_short_and_has_the_two_commands() {
    let readme = files::read("README.md");
    assert!(readme.lines().count() <= 150, "README.md has {} lines: move some to docs/", readme.lines().count());
    for command in ["| run | `cargo run -- serve --sandbox` |", "| test | `scripts/test` |"] {
        assert!(readme.lines().any(|line| line == command), "README.md lacks {command}");
    }
}

#[test]
fn the_readme_shows_the_line_that_the_sandbox_prints() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let mut server = Running::start(&["serve", "--sandbox"], &env);
    server.signal("TERM");
    server.wait();
    let log = server.log();
    let line = log.lines().find(|line| line.starts_with("grpcurl ")).unwrap_or_else(|| panic!("{log}"));
    let (_, token) = line.split_once("Bearer ").unwrap();
    let token = token.split('\'').next().unwrap();
    let line = line.replace(token, "eyJ0…CWcc").replace(&server.address("grpc"), "127.0.0.1:50051");
    let readme = files::read("README.md");
    assert!(readme.lines().any(|shown| shown.trim() == line), "README.md does not show\n{line}");
}

#[test]
fn every_relative_link_leads_somewhere() {
    for (path, text) in documents() {
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} leads nowhere", path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let found = text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{}: {target} names no heading", path.display());
            }
        }
    }
}

/// A heading as links name it.
fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The commands that a help lists, and under each that has some, its own.
fn commands(above: &str) -> Vec<String> {
    let help = printed(&[above.split_whitespace().collect(), vec!["--help"]].concat(), &[]);
    let Some((_, listed)) = help.split_once("Commands:\n") else { return vec![above.to_owned()] };
    let names = listed.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let below = names.filter(|name| *name != "help").map(|name| format!("{above} {name}").trim().to_owned());
    // Such as `sandbox`, which is one as well.
    let itself = help.contains(&format!("Usage: messaging {above} [OPTIONS]\n")).then(|| above.to_owned());
    itself.into_iter().chain(below.flat_map(|name| commands(&name))).collect()
}

#[test]
fn the_reference_has_every_command_and_no_other() {
    let mut told = BTreeSet::new();
    for row in rows(&files::read(REFERENCE), "command") {
        // `messaging key create`, `list`: the second is short for another of `messaging key`.
        let mut group = String::new();
        for words in quoted(&row) {
            let name = words.strip_prefix("messaging ").map_or_else(|| format!("{group} {words}"), str::to_owned);
            let name = name.split(" -").next().unwrap().split(" [").next().unwrap();
            group = name.rsplit_once(' ').map_or("", |(group, _)| group).to_owned();
            told.insert(name.to_owned());
        }
    }
    assert_eq!(told, commands("").into_iter().collect(), "{REFERENCE}");
}

/// The parts of a line between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn every_source_file_that_a_document_names_is_there() {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "proto/", "migrations/", "scripts/", "docs/", "grpcurl-examples/"];
    for (path, text) in documents() {
        for name in text.lines().flat_map(quoted).filter(|name| FOLDERS.iter().any(|f| name.starts_with(f))) {
            if !name.contains(['*', '{', '<', ' ', '…']) {
                assert!(files::root().join(name).exists(), "{}: there is no {name}", path.display());
            }
        }
    }
}

#[test]
fn the_map_has_every_part_of_the_source() {
    let map = files::read("ARCHITECTURE.md");
    for entry in fs::read_dir(files::root().join("src")).unwrap().map(Result::unwrap) {
        let folder = if entry.path().is_dir() { "/" } else { "" };
        let name = format!("src/{}{folder}", entry.file_name().display());
        assert!(name == "src/lib.rs" || map.contains(&format!("`{name}`")), "ARCHITECTURE.md: the map lacks {name}");
    }
}

/// A row of a table whose first cell is a file: the file, and the names in the second cell.
struct Row<'a> {
    file: &'a str,
    names: Vec<&'a str>,
}

/// Those rows of a document. A cell may name several files; then the names belong to the first.
fn named_in(text: &str) -> Vec<Row<'_>> {
    let row = |line| {
        let mut cells = str::split(line, '|').skip(1).map(str::trim);
        let file = quoted(cells.next()?).next().filter(|file| Path::new(file).extension().is_some())?;
        Some(Row { file, names: quoted(cells.next()?).collect() })
    };
    text.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// Whether the text has the word behind one of these beginnings, with nothing of a word after it.
fn has(text: &str, beginnings: &[&str], word: &str) -> bool {
    beginnings.iter().any(|beginning| {
        let wanted = format!("{beginning}{word}");
        let ends = |at: usize| !text[at + wanted.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        text.match_indices(&wanted).any(|(at, _)| begins(at) && ends(at))
    })
}

#[test]
fn every_function_of_the_walkthroughs_is_in_the_file_that_its_row_names() {
    let text = files::read("docs/walkthroughs.md");
    let mut seen = 0;
    for row in named_in(&text) {
        let source = files::read(row.file);
        for name in row.names {
            let defined = has(&source, &["fn ", "enum ", "struct ", "const "], name);
            assert!(defined, "docs/walkthroughs.md: {} has no {name}", row.file);
            seen += 1;
        }
    }
    assert!(seen >= 90, "the walkthroughs name {seen} functions");
}

#[test]
fn every_file_and_every_name_in_it_that_contributors_are_sent_to_is_there() {
    let text = files::read("CONTRIBUTING.md");
    let is_path = |name: &&str| {
        let known = ["rs", "md", "toml", "proto", "py", "sh", "json"];
        let is_file = Path::new(name).extension().is_some_and(|e| known.iter().any(|known| e == *known));
        // Commands, routes, and names with something left open.
        let is_other = name.starts_with('/') || name.contains([' ', '*', '{', '<', '…', ':']);
        (is_file || name.contains('/')) && !is_other
    };
    let mut seen = 0;
    for name in text.lines().flat_map(quoted).filter(is_path) {
        assert!(files::root().join(name).exists(), "CONTRIBUTING.md: there is no {name}");
        seen += 1;
    }
    assert!(seen >= 40, "CONTRIBUTING.md names {seen} files");
    for row in named_in(&text) {
        let source = files::read(row.file);
        for name in row.names {
            assert!(has(&source, &[""], name), "CONTRIBUTING.md: {} has no {name}", row.file);
        }
    }
}

#[test]
fn what_grows_is_told_of_every_table() {
    let manual = files::read("docs/operations.md");
    let (_, from) = manual.split_once("## What grows").unwrap();
    let (told, _) = from.split_once("\n## ").unwrap();
    let schema = files::read("src/store/schema.rs");
    let tables = schema.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(") {")?.split_once(" ("));
    let missing: Vec<&str> = tables.map(|(name, _)| name).filter(|name| !told.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/operations.md does not say how these grow: {missing:?}");
}

#[test]
fn the_index_of_the_documents_has_every_page() {
    let index = files::read("docs/README.md");
    let pages = fs::read_dir(files::root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let pages = pages
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.strip_suffix(".md").is_some_and(|page| page != "README"));
    let pages: Vec<String> = pages.chain(["decisions/README.md".to_owned()]).collect();
    for page in &pages {
        assert!(index.contains(&format!("| [{page}]({page}) | ")), "docs/README.md lacks {page}");
    }
    let listed = index.lines().filter(|line| line.starts_with("| [") && !line.contains("](../")).count();
    assert_eq!(listed, pages.len(), "docs/README.md lists a page twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_has_every_route_and_no_other() {
    let reference = files::read("docs/reference.md");
    let section = reference.split("\n## ").find(|section| section.starts_with("HTTP routes\n")).unwrap();
    let app = TestApp::start(Kind::Sqlite).await;
    let routed = operations(&document(&app).await).into_iter().map(|(path, method, _)| format!("{method} {path}"));
    let listed = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| quoted(line).next());
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), routed.collect());
}

/// The words in capitals and underscores that the service tells its callers, from its source.
fn reasons() -> BTreeSet<String> {
    // Commands, the document's examples and the configuration have such words that are no reasons; three more are told to nobody.
    const ELSEWHERE: [&str; 5] = ["src/cli", "src/config", "src/http/openapi", "src/sandbox", "src/proto"];
    const TOLD_TO_NOBODY: [&str; 3] = ["PROVIDER_ACCEPTED", "CARGO_PKG_VERSION", "OUT_DIR"];
    let in_capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let variables = files::read("docs/configuration.md");
    let is_reason = |literal: &&str| {
        let word = literal.contains('_') && literal.chars().all(in_capitals);
        word && !TOLD_TO_NOBODY.contains(literal) && !variables.contains(&format!("\n| `{literal}` |"))
    };
    let is_asked = |path: &PathBuf| {
        let name = path.strip_prefix(files::root()).unwrap().display().to_string();
        !ELSEWHERE.iter().any(|start| name.starts_with(start))
    };
    let mut reasons = BTreeSet::new();
    for path in files::under(&files::root().join("src")).into_iter().filter(is_asked) {
        let source = fs::read_to_string(&path).unwrap();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
        reasons.extend(literals.filter(is_reason).map(str::to_owned));
    }
    reasons
}

#[test]
fn the_reference_has_every_reason_and_every_error_code() {
    let reference = files::read("docs/reference.md");
    let reasons = reasons();
    assert!(reasons.len() >= 40, "{reasons:?}");
    for reason in reasons {
        assert!(reference.contains(&format!("`{reason}`")), "docs/reference.md lacks {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_of_the_api_has_every_reason_of_the_reference_under_its_status() {
    let app = TestApp::start(Kind::Sqlite).await;
    let document = document(&app).await;
    let mut answers = BTreeSet::new();
    for (_, _, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let shared = answer["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
            answers.extend(shared.map(|shared| (status.clone(), shared["description"].as_str().unwrap().to_owned())));
        }
    }
    let reference = files::read(REFERENCE);
    let section = reference.split("\n## ").find(|section| section.starts_with("Errors of calls\n")).unwrap();
    let mut seen = 0;
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (status, rest) = cells[2].split_at(cells[2].len().min(3));
        // 401 without a code, and what is told by any route that there is none of.
        if status.parse::<u16>().is_err() || status == "405" || rest.starts_with(',') {
            continue;
        }
        let told = if rest.is_empty() { cells[0] } else { rest };
        for reason in quoted(told).filter(|reason| !reason.contains("SEND_STREAMS")) {
            let is_there = answers.iter().any(|(of, text)| of == status && text.contains(&format!("`{reason}`")));
            assert!(is_there, "the document lacks {reason} under {status}");
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen}");
}

#[test]
fn every_decision_has_its_number_its_parts_and_its_place_in_the_list() {
    let index = files::read("docs/decisions/README.md");
    let folder = files::root().join("docs/decisions");
    let records: Vec<PathBuf> = files::under(&folder).into_iter().filter(|p| !p.ends_with("README.md")).collect();
    let mut before = 0;
    for path in &records {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number: u32 = name.split('-').next().filter(|n| n.len() == 4).and_then(|n| n.parse().ok()).unwrap_or(0);
        assert!(number > before, "{name} has no number of its own");
        before = number;
        assert!(index.contains(&format!("]({name})")), "the list lacks {name}");
        let text = fs::read_to_string(path).unwrap();
        for part in ["\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            assert!(text.contains(part), "{name} lacks{part}");
        }
    }
    assert!(!records.is_empty());
}

#[test]
fn the_documents_tell_nothing_of_the_machine_that_they_were_written_on() {
    for (path, text) in documents() {
        for word in [env!("CARGO_MANIFEST_DIR"), "/root/", "/home/", "/tmp/"] {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
    }
    assert!(Path::new(files::root()).join("README.md").exists());
}
