//! The documents, held to what they are about: the configuration, the contract, the source, and each other.

use std::fs;
use std::path::{Path, PathBuf};

use messaging::config::REFERENCE;

use crate::support::contract::rpcs;
use crate::support::files;
use crate::support::program::printed;

/// All documents, by their path from the root.
fn documents() -> Vec<(PathBuf, String)> {
    let all = files::under(files::root()).into_iter();
    let documents = all.filter(|path| path.extension().is_some_and(|e| e == "md"));
    documents.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_readme_has_every_variable_with_its_default_and_its_meaning_and_no_other() {
    let readme = files::read("README.md");
    let (_, section) = readme.split_once("\n## Configuration\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    for v in REFERENCE {
        let default =
            if matches!(v.default, "required" | "–") { v.default.to_owned() } else { format!("`{}`", v.default) };
        let row = format!("| `{}` | {default} | {} |\n", v.name, v.meaning);
        assert!(section.contains(&row), "README.md, Configuration, lacks\n{row}");
    }
    let rows = section.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, REFERENCE.len(), "README.md, Configuration, has a row that is no variable");
}

#[test]
fn the_example_environment_has_every_variable_with_its_default() {
    let example = files::read(".env.example");
    for v in REFERENCE {
        let line = match v.default {
            "required" => format!("\n# {}\n{}=\n", v.meaning, v.name),
            "–" => format!("\n# {}\n# {}=\n", v.meaning, v.name),
            default => format!("\n# {}\n# {}={default}\n", v.meaning, v.name),
        };
        assert!(example.contains(&line), ".env.example lacks{line}");
    }
}

#[test]
fn the_readme_says_of_every_rpc_whether_it_works() {
    let readme = files::read("README.md");
    for (service, method) in rpcs() {
        let example = files::read(&format!("grpcurl-examples/expected/{method}.txt"));
        let state = if example.contains("Code: Unimplemented") { "not yet" } else { "works" };
        let row = format!("| `{method}` | {state} |");
        assert!(readme.contains(&row), "README.md, of {service}, lacks\n{row}");
    }
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

#[test]
fn the_readme_has_every_command() {
    let readme = files::read("README.md");
    let help = printed(&["help"], &[]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        commands.filter_map(|line| line.split_whitespace().next()).filter(|c| *c != "help").collect();
    assert!(names.len() >= 7, "{help}");
    for name in names {
        assert!(readme.contains(&format!("| `messaging {name}")), "README.md lacks the command {name}");
    }
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
fn every_function_of_the_walkthroughs_is_in_the_file_that_its_row_names() {
    let text = files::read("ARCHITECTURE.md");
    let rows = text.lines().filter(|line| line.starts_with("| `src/"));
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let file = cells[1].trim_matches('`');
        if file.contains('`')
            || Path::new(file).extension().is_none()
            || !cells[3..].iter().any(|cell| !cell.is_empty())
        {
            continue; // A row of the map.
        }
        let source = files::read(file);
        for name in quoted(cells[2]) {
            let defined = ["fn ", "enum ", "struct ", "const "].iter().any(|kind| {
                let definition = format!("{kind}{name}");
                source.match_indices(&definition).any(|(at, _)| {
                    !source[at + definition.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            });
            assert!(defined, "ARCHITECTURE.md: {file} has no {name}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "the walkthroughs name {seen} functions");
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
