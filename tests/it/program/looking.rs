//! Commands that only look: what they leave as it was, and what they say of it.

use crate::support::program::{Running, failed, printed, run};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn data() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    (directory, path)
}

/// Everything below a folder: path, length, and when it was changed last.
fn state(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while at < all.len() {
        if all[at].is_dir() {
            all.extend(std::fs::read_dir(&all[at]).unwrap().map(|entry| entry.unwrap().path()));
        }
        at += 1;
    }
    all.sort();
    let seen = all.into_iter().map(|path| {
        let of = std::fs::metadata(&path).unwrap();
        (path, of.len(), of.modified().unwrap())
    });
    seen.collect()
}

#[test]
fn checking_the_configuration_changes_nothing_and_says_what_could_not_be_made() {
    let (directory, path) = data();
    let basis = [
        ("MITTO_API_KEY", "k"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("JWT_SECRET", SECRET),
    ];
    // Before the first start, where neither the folder nor its parent is there.
    let fresh = format!("{path}/deep/data");
    let env = [&basis[..], &[("DATA_DIR", fresh.as_str())]].concat();
    let before = state(directory.path());
    let said = printed(&["check-config"], &env);
    assert!(said.contains(&format!("will be made by the first start: {fresh}/messaging.db")), "{said}");
    assert_eq!(state(directory.path()), before);
    // Once it is there, and once more with what a killed process has left in the journal.
    printed(&["migrate"], &env);
    let serving = [&env[..], &[("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")]].concat();
    for kill in [false, true] {
        if kill {
            let mut server = Running::start(&["serve"], &serving);
            server.signal("KILL");
            server.wait();
        }
        let before = state(directory.path());
        assert!(printed(&["check-config"], &env).contains("is up to date"));
        // The index of the journal is made anew by whoever reads it, and is not the database's.
        let kept = |all: Vec<(std::path::PathBuf, u64, std::time::SystemTime)>| {
            all.into_iter()
                .filter(|(path, ..)| path.is_file() && !path.ends_with("messaging.db-shm"))
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(state(directory.path())), kept(before), "killed: {kill}");
    }
    // A file where a folder would have to be.
    std::fs::write(format!("{path}/file"), "").unwrap();
    let (spool, database) = (format!("{path}/file/spool"), format!("sqlite://{path}/file/m.db"));
    for (name, value) in [("SPOOL_DIR", spool.as_str()), ("DATABASE_URL", &database)] {
        let before = state(directory.path());
        let said = run(&["check-config"], &[&env[..], &[(name, value)]].concat());
        let words = String::from_utf8(said.stderr).unwrap();
        assert!(!said.status.success() && words.contains(name) && words.contains("/file"), "{words}");
        assert_eq!(state(directory.path()), before);
    }
}

#[test]
fn a_command_that_reads_makes_no_database_where_none_is() {
    let (directory, path) = data();
    let mistyped = format!("sqlite://{path}/mistyped/m.db");
    let env = [("DATABASE_URL", mistyped.as_str()), ("JWT_SECRET", SECRET)];
    for command in [
        &["user", "list"][..],
        &["queue", "depth"],
        &["replicas"],
        &["replay-reports"],
        &["token", "--user", "1"],
        &["console-link", "--user", "1"],
    ] {
        let said = failed(command, &env, 2);
        assert!(said.contains("DATABASE_URL") && said.contains("messaging migrate"), "{said}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{command:?}");
    }
    // The first user may come before the first start.
    assert_eq!(
        printed(&["user", "create", "--name", "x"], &[("DATABASE_URL", &format!("sqlite://{path}/first.db"))]),
        "1"
    );
    // A file that is there, and is another program's.
    std::fs::write(format!("{path}/empty.db"), "").unwrap();
    let empty = format!("sqlite://{path}/empty.db");
    let said = failed(&["user", "list"], &[("DATABASE_URL", empty.as_str())], 2);
    assert!(said.contains("none of this program's tables"), "{said}");
    assert_eq!(std::fs::metadata(format!("{path}/empty.db")).unwrap().len(), 0);
    let elsewhere = format!("{path}/elsewhere");
    let said = failed(&["user", "list", "--sandbox"], &[("DATA_DIR", elsewhere.as_str())], 2);
    assert!(said.contains("DATA_DIR") && said.contains("serve --sandbox"), "{said}");
    assert!(!std::path::Path::new(&elsewhere).exists());
}

#[test]
fn a_program_that_is_older_than_the_schema_says_so_and_serves() {
    use diesel::connection::SimpleConnection as _;
    let (_directory, path) = data();
    let database = format!("sqlite://{path}/m.db");
    let env = [
        ("MITTO_API_KEY", "k"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("JWT_SECRET", SECRET),
        ("DATABASE_URL", database.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    assert!(!printed(&["migrate"], &env).contains("newer"));
    let mut file = <diesel::SqliteConnection as diesel::Connection>::establish(&format!("{path}/m.db")).unwrap();
    file.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')").unwrap();
    drop(file);
    let newer = "is newer than this program: it is at 29990101000000, and release";
    for command in ["check-config", "migrate"] {
        assert!(printed(&[command], &env).contains(newer), "{command}");
    }
    let mut server = Running::start(&["serve"], &env);
    server.signal("TERM");
    assert!(server.wait().success(), "{}", server.log());
    assert_eq!(server.log().matches(newer).count(), 1, "{}", server.log());
}
