//! The configuration: the example of an environment changes nothing, and no value gets past what the reference says of it.

use std::collections::HashMap;

use messaging::config::{Config, Env};

use crate::support::files;
use crate::support::program::messaging;

/// What serving requires, and where the system keeps a user's data.
const GIVEN: [(&str, &str); 4] = [
    ("MITTO_API_KEY", "key"),
    ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
    ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
    ("HOME", "/nonexistent"),
];

fn environment(more: &[(&str, &str)]) -> Env {
    let variables = GIVEN.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Env::new(variables.collect::<HashMap<_, _>>())
}

/// The example with every line that sets a variable uncommented, and what is required filled in.
fn uncommented() -> String {
    let assignment = |line: &str| {
        let bare = line.trim_start_matches("# ");
        let (name, value) = bare.split_once('=')?;
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let given = GIVEN.iter().find(|(given, _)| *given == name).map_or(value, |(_, value)| value);
        named.then(|| format!("{name}={given}\n"))
    };
    files::read(".env.example").lines().filter_map(assignment).collect()
}

#[test]
fn uncommenting_every_line_of_the_example_changes_nothing() {
    let lines = uncommented();
    let set: Vec<(&str, &str)> = lines.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert!(set.iter().any(|(name, _)| *name == "LEASE_SECONDS") && !set.iter().any(|(name, _)| *name == "HOME"));
    let plain = format!("{:?}", Config::load(&environment(&[])).unwrap());
    assert_eq!(format!("{:?}", Config::load(&environment(&set)).unwrap()), plain);
}

#[test]
fn a_shell_that_reads_the_uncommented_example_starts_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    std::fs::write(&file, uncommented()).unwrap();
    let home = folder.path().display().to_string();
    let program = messaging(&[], &[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-euc", "set -a; . \"$1\"; exec \"$2\" check-config", "sh"]).arg(&file).arg(program);
    let output = shell.env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_number_gets_past_the_range_that_the_reference_gives() {
    let page = files::read("docs/configuration.md");
    let mut tried = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let name = cells[0].trim_matches(['|', ' ', '`']);
        let Some((from, rest)) = cells[2].split_once(" to ") else { continue };
        let (to, unit) = rest.split_once(' ').unwrap_or((rest, ""));
        if !matches!(unit, "" | "seconds" | "days") {
            continue; // So many characters.
        }
        let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { continue };
        let past = [from.checked_sub(1), Some(to + 1)].into_iter().flatten().map(|n| n.to_string());
        for value in past.chain(["x".to_owned(), "-1".to_owned(), "1.5".to_owned()]) {
            let error = Config::load(&environment(&[(name, &value)])).unwrap_err().to_string();
            assert!(
                error.starts_with(name) && error.contains(&format!("from {from} to {to}")),
                "{name}={value}: {error}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 60, "only {tried} values were tried");
}
