//! Erasing a number with the real program, and what it says of keys that do not fit.

use crate::support::app::{API_KEY, PSEUDONYM_KEY};
use crate::support::program::{failed, printed};
use crate::support::settings::{ACCOUNT, JWT_SECRET};

#[test]
fn a_number_is_erased_by_a_command_and_only_its_key_opens_the_database_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("m.db").display());
    let without = vec![("DATABASE_URL", database.as_str())];
    let with = |key: &'static str| [&without[..], &[("PSEUDONYM_KEY", key)]].concat();
    printed(&["migrate"], &without);
    let user = printed(&["user", "create", "--name", "carol"], &without);
    let number = "+306900000001";
    printed(&["opt-out", "add", number, "--user", &user], &without);
    let erase = ["erase", "--number", "0030 6900000001"];
    assert!(failed(&erase, &without, 1).contains("PSEUDONYM_KEY is required to erase"));
    assert!(failed(&erase, &with("short"), 2).contains("PSEUDONYM_KEY is too short"));
    let env = with(PSEUDONYM_KEY);
    let refused = failed(&["erase", "--number", "4455"], &env, 2);
    assert!(refused.contains("destination") && !refused.contains("4455"), "{refused}");
    assert!(failed(&["erase", "--number", number, "--user", "999"], &env, 1).contains("User not found"));

    let said = printed(&[&erase[..], &["--user", &user]].concat(), &env);
    assert!(said.starts_with("erased: 0 messages, 1 opt-outs, 0 reports"), "{said}");
    assert!(!said.contains("run it again"), "{said}");
    assert!(printed(&["opt-out", "list", "--user", &user], &env).starts_with('~'));
    assert_eq!(printed(&["opt-out", "add", number, "--user", &user], &env), "it was there already");
    assert!(printed(&erase, &env).starts_with("erased: 0 messages, 0 opt-outs"), "there is nothing left");

    for (key, problem) in [(None, "is required"), (Some("another key of 32 bytes, or of more"), "is not the key")] {
        let env = key.map_or_else(|| without.clone(), with);
        let said = failed(&["user", "list"], &env, 2);
        assert!(said.contains("PSEUDONYM_KEY") && said.contains(problem) && said.contains("set that"), "{said}");
    }
    assert_eq!(printed(&["opt-out", "remove", number, "--user", &user], &env), "removed");
}

#[test]
fn how_long_things_are_kept_is_checked_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("m.db").display());
    let basis = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("MITTO_API_KEY", API_KEY),
        ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT),
    ];
    let key = ("PSEUDONYM_KEY", PSEUDONYM_KEY);
    let check = |more: &[(&'static str, &'static str)]| [&basis[..], more].concat();
    for (more, said) in [
        (&[("RETENTION_TEXT_DAYS", "30")][..], "PSEUDONYM_KEY is required with RETENTION_TEXT_DAYS"),
        (&[("RETENTION_TEXT_DAYS", "-1"), key], "RETENTION_TEXT_DAYS must be a whole number of days from 0"),
        (&[("RETENTION_DAYS", "13")], "RETENTION_DAYS must be 0 or 14 or more"),
        (&[("RETENTION_DAYS", "29"), ("RETENTION_TEXT_DAYS", "30"), key], "RETENTION_DAYS must not be less than"),
    ] {
        let refused = failed(&["check-config"], &check(more), 2);
        assert!(refused.contains(said), "{refused}");
    }
    for more in [
        &[("RETENTION_DAYS", "14")][..],
        &[("RETENTION_DAYS", "30"), ("RETENTION_TEXT_DAYS", "30"), key],
        &[("RETENTION_DAYS", "0"), ("RETENTION_TEXT_DAYS", "30"), key],
    ] {
        printed(&["check-config"], &check(more));
    }
}
