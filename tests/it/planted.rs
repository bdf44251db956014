//! The bugs that the fault harness has to find, held to the sources that they are planted in: `tests/faults/bugs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::files;

/// The patch that comes first: what the others ask.
const FIRST: &str = "00-ask";

/// The bugs that the proof runs, from its source.
fn plants() -> BTreeSet<String> {
    let proof = files::read("tests/faults/prove.rs");
    let named = proof.split("bug: \"").skip(1).filter_map(|rest| rest.split('"').next());
    named.map(str::to_owned).collect()
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
    let patches = files::under(&files::root().join("tests/faults/bugs")).into_iter();
    let mut patches: BTreeSet<String> = patches
        .filter(|path| path.extension().is_some_and(|e| e == "patch"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(patches.first().map(String::as_str), Some(FIRST));
    patches.remove(FIRST);
    let plants = plants();
    assert!(plants.len() >= 17, "{plants:?}");
    assert_eq!(patches, plants);
    let manual = files::read("docs/faults.md");
    let rows = manual.lines().skip_while(|line| !line.starts_with("| planted bug |")).skip(2);
    let named = rows.map_while(|row| row.strip_prefix("| `")?.split('`').next().map(str::to_owned));
    assert_eq!(named.collect::<BTreeSet<_>>(), plants, "the table of docs/faults.md");
}

#[test]
fn every_planted_bug_applies_to_the_sources_which_hold_nothing_of_it() {
    let (root, tree) = (files::root(), tempfile::tempdir().unwrap());
    let (clean, planted) = (root.join("src"), tree.path().join("src"));
    copy(&clean, &planted);
    let apply = Command::new(root.join("tests/faults/bugs/apply")).arg(tree.path()).output().unwrap();
    assert!(apply.status.success(), "{}", String::from_utf8_lossy(&apply.stderr));
    let (clean, planted) = (sources(&clean), sources(&planted));
    for bug in plants() {
        let asked = |what: &str| planted.contains(&format!("crate::planted::{what}(\"{bug}\")"));
        assert!(asked("bug") || asked("now_and_then"), "{bug}.patch does not ask for its bug");
    }
    assert!(!clean.to_lowercase().contains("planted"), "src names planted bugs");
}
