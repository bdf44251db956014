//! Exit statuses: one rule, whatever the command, and whether it asks a service or the database itself.

use crate::support::files;
use crate::support::program::{Running, failed, messaging, printed, run};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Nobody listens on it: it is a port that only the system may give away.
const NOBODY: &str = "127.0.0.1:1";
/// A folder that cannot be made, even by root.
const NOWHERE: &str = "/proc/nowhere";

/// A kind of failure, the environment that it is met in, and the commands that meet it.
type Kind<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a [&'a str]]);

#[test]
fn a_failure_of_one_kind_ends_every_command_with_the_same_status() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token =
        printed(&["token", "--user", "1", "--sandbox", "--scope", "ops act-as messages:send messages:read"], &env);
    let (grpc, http, sandbox) = (server.address("grpc"), server.address("http"), server.address("sandbox"));
    let database = format!("sqlite://{path}/sandbox.db");
    let beside = [("DATABASE_URL", database.as_str()), ("JWT_SECRET", SECRET)];
    let away = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"), ("JWT_SECRET", SECRET)];
    let called = [("MESSAGING_ADDR", grpc.as_str()), ("MESSAGING_TOKEN", token.as_str())];
    let gone = [("MESSAGING_ADDR", NOBODY), ("ADMIN_ADDR", NOBODY)];
    let stranger = [("MESSAGING_ADDR", grpc.as_str()), ("MESSAGING_TOKEN", "none")];
    let taken = [("ADMIN_ADDR", http.as_str())];

    let failed_ones: [Kind; 6] = [
        (
            "what has to answer is out of reach",
            &gone,
            &[&["message", "m-1"], &["list"], &["user", "list"], &["probe"], &["sandbox", "expect", "--addr", NOBODY]],
        ),
        (
            "the database is away",
            &away,
            &[&["migrate"], &["user", "list"], &["token", "--user", "1"], &["queue", "depth"]],
        ),
        (
            "it does not exist",
            &beside,
            &[&["user", "show", "99"], &["token", "--user", "99"], &["console-link", "--user", "99"]],
        ),
        (
            "it does not exist there",
            &called,
            &[&["message", "01a22dcb-4e07-72dc-b74c-64d5095c9ab7"], &["user", "show", "99"]],
        ),
        ("the service refuses", &stranger, &[&["list"], &["user", "list"]]),
        (
            "it cannot be written to, or is taken",
            &taken,
            &[
                &["man", "--out", NOWHERE],
                &["proto", "--out", NOWHERE],
                &["sandbox", "--addr", "127.0.0.1:0", "--ledger", NOWHERE],
                &["sandbox", "--addr", &http],
                &["sandbox", "expect", "--addr", &sandbox, "--within", "1ms"],
            ],
        ),
    ];
    let wrong_ones: [Kind; 4] = [
        (
            "an argument cannot be used",
            &called,
            &[
                &["send", "--to", "nobody", "--text", "Hi"],
                &["list", "--addr", "a b"],
                &["user", "create", "--name", ""],
                &["user", "create", "--name", "", "--database"],
                &["sandbox", "--addr", "nonsense"],
                &["sandbox", "expect", "--addr", "a b"],
                &["sandbox", "expect", "--addr", &sandbox, "--to", "nobody"],
            ],
        ),
        (
            "the configuration is wrong",
            &[("DATABASE_URL", "mysql://x"), ("ADMIN_ADDR", "x"), ("LOG_FORMAT", "xml")],
            &[&["serve"], &["worker"], &["migrate"], &["user", "list"], &["probe"], &["check-config"], &["sandbox"]],
        ),
        (
            "a file that is named cannot be read",
            &called,
            &[
                &["send-many", NOWHERE],
                &["refresh", "--ids", NOWHERE],
                &["list", "--ca", NOWHERE],
                &["opt-out", "import", "--user", "1", NOWHERE],
            ],
        ),
        (
            "a file of the configuration cannot be read",
            &[("MITTO_API_KEY_FILE", NOWHERE)],
            &[&["serve"], &["user", "list"]],
        ),
    ];
    let mut seen = 0;
    for (status, kinds) in [(1, &failed_ones[..]), (2, &wrong_ones[..])] {
        for (kind, env, commands) in kinds {
            for command in *commands {
                let said = failed(command, env, status);
                assert!(!said.contains("RUST_BACKTRACE"), "{kind}: {command:?}: {said}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 41);
    for (command, status) in [(&["list", "--limit"][..], 2), (&["--version"], 0), (&["help"], 0)] {
        assert_eq!(run(command, &called).status.code(), Some(status), "{command:?}");
    }
}

#[test]
fn the_rule_is_in_the_help_in_the_manuals_pages_and_in_the_reference() {
    let help = printed(&["help"], &[]);
    let (_, rule) = help.split_once("Exit status:\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    printed(&["man", "--out", &path], &[]);
    let reference = files::read("docs/reference.md");
    let mut rules = 0;
    for line in rule.lines() {
        let (status, meaning) = line.trim().split_once("  ").unwrap();
        assert!(reference.contains(&format!("| {status} | {meaning} |")), "docs/reference.md lacks: {line}");
        for page in ["messaging", "messaging-user-create", "messaging-sandbox-expect"] {
            let page = std::fs::read_to_string(format!("{path}/{page}.1")).unwrap();
            assert!(page.contains(&format!(".TP\n{status}\n{meaning}\n")) && !page.contains(".SH EXTRA"), "{page}");
        }
        rules += 1;
    }
    assert_eq!(rules, 3);
}

#[test]
fn a_variable_that_is_no_text_is_named_if_it_is_one_of_ours() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let latin = OsStr::from_bytes(b"caf\xe9");
    for (name, arguments) in
        [("MITTO_SENDER", ["check-config"]), ("JWT_SECRET_FILE", ["serve"]), ("DATA_DIR", ["probe"])]
    {
        let output = messaging(&arguments, &[]).env(name, latin).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("messaging: {name} holds bytes")) && said.lines().count() == 1, "{said}");
    }
    let mut command = messaging(&["check-config", "--reference", "env"], &[]);
    let output = command.env("LS_COLORS", latin).env(OsStr::from_bytes(b"\xff"), "x").output().unwrap();
    assert!(output.status.success(), "what is not ours is nobody's matter");
}

#[test]
fn the_sandbox_names_the_flag_that_is_in_its_way() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (flag, value, status) in [
        ("--addr", taken.as_str(), 1),
        ("--addr", "nonsense", 2),
        ("--addr", "127.0.0.1:99999", 2),
        ("--ledger", "/proc/nowhere/ledger", 1),
        ("--report-url", "ftp://x", 2),
        ("--inbound-url", "x", 2),
        ("--report-header", "none", 2),
        ("--report-header", "a b: c", 2),
    ] {
        let free = ["sandbox", "--addr", "127.0.0.1:0"];
        let arguments =
            if flag == "--addr" { ["sandbox", flag, value].to_vec() } else { [&free[..], &[flag, value]].concat() };
        let said = failed(&arguments, &[], status);
        assert!(said.starts_with(&format!("messaging: {flag} ")), "{flag} {value}: {said}");
    }
}
