//! The bugs that the fault harness and the model test have to find, held to the sources that they are planted in:
//! `tests/faults/bugs` and `tests/it/model/bugs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::files;

/// Where the bugs are that the model test has to find.
const MODEL: &str = "tests/it/model/bugs";
/// The patch that comes first: what the others ask.
const FIRST: &str = "00-ask";

/// The bugs that the proof runs, from its source.
fn plants() -> BTreeSet<String> {
    let proof = files::read("tests/faults/prove.rs");
    let named = |before: &str| {
        let found = proof.split(before).skip(1).filter_map(|rest| rest.split('"').next());
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    [named("bug: \""), named("of_the_scenario(\"")].concat().into_iter().collect()
}

/// The names of the patches in a folder.
fn patches(folder: &str) -> BTreeSet<String> {
    let patches = files::under(&files::root().join(folder)).into_iter();
    let patches = patches.filter(|path| path.extension().is_some_and(|e| e == "patch"));
    patches.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The bugs that the rows of a table of docs/faults.md name.
fn rows(heading: &str) -> BTreeSet<String> {
    let manual = files::read("docs/faults.md");
    let rows = manual.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    rows.map_while(|row| row.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    for file in files::under(from) {
        let copied = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::copy(file, copied).unwrap();
    }
}

/// All sources below a folder, in one text.
fn sources(folder: &Path) -> String {
    let rust = files::under(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_planted_bug_has_its_patch_its_row_and_its_place_in_the_proof() {
    let mut patches = patches("tests/faults/bugs");
    assert_eq!(patches.first().map(String::as_str), Some(FIRST));
    patches.remove(FIRST);
    let plants = plants();
    assert!(plants.len() >= 29, "{plants:?}");
    assert_eq!(patches, plants);
    assert_eq!(rows("| planted bug |"), plants, "the table of docs/faults.md");
}

#[test]
fn every_bug_of_the_model_test_has_its_law_and_its_row() {
    let bugs = patches(MODEL);
    assert!(bugs.len() >= 10, "{bugs:?}");
    assert_eq!(rows("| bug of the model test |"), bugs, "the table of docs/faults.md");
    let laws = ["oracle.rs", "world/rest.rs"].map(|file| files::read(&format!("tests/it/model/{file}"))).concat();
    for bug in bugs {
        let patch = files::read(&format!("{MODEL}/{bug}.patch"));
        let law = patch.lines().find_map(|line| line.strip_prefix("Found by: ")).unwrap();
        assert!(laws.contains(law), "no law of the model test says what finds {bug}: {law}");
    }
}

/// Plants the bugs of a folder in a copy of the sources. Each has to ask whether it is to be.
fn every_bug_applies(folder: &str, bugs: BTreeSet<String>) {
    let (root, tree) = (files::root(), tempfile::tempdir().unwrap());
    let (clean, planted) = (root.join("src"), tree.path().join("src"));
    copy(&clean, &planted);
    let apply =
        Command::new(root.join("tests/faults/bugs/apply")).args([tree.path(), &root.join(folder)]).output().unwrap();
    assert!(apply.status.success(), "{}", String::from_utf8_lossy(&apply.stderr));
    let (clean, planted) = (sources(&clean), sources(&planted));
    for bug in bugs {
        let asked = |what: &str| planted.contains(&format!("crate::planted::{what}(\"{bug}\")"));
        assert!(asked("bug") || asked("now_and_then"), "{bug}.patch does not ask for its bug");
    }
    assert!(!clean.to_lowercase().contains("planted"), "src names planted bugs");
}

#[test]
fn every_planted_bug_applies_to_the_sources_which_hold_nothing_of_it() {
    every_bug_applies("tests/faults/bugs", plants());
    every_bug_applies(MODEL, patches(MODEL));
}
