//! Operators' commands, with the real program beside a serving one.

use crate::support::app::API_KEY;
use crate::support::program::{Running, failed, printed, run};
use crate::support::settings::{ACCOUNT, JWT_SECRET};

#[test]
fn a_service_is_looked_after_beside_its_database() {
    beside(false);
}

#[test]
fn a_service_is_looked_after_from_elsewhere() {
    beside(true);
}

/// Serves, and looks after it by its database or `through` its address.
fn beside(through: bool) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("m.db").display());
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("MITTO_API_KEY", API_KEY),
        ("MITTO_API_BASE", "http://127.0.0.1:9"),
        ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    let serving = Running::start(&["serve"], &env);
    let user = printed(&["user", "create", "--name", "carol"], &env);
    let token = printed(&["token", "--user", &user, "--scope", "ops act-as"], &env);
    let address = serving.address("grpc");
    if through {
        // Nothing but the address and the token: it cannot reach the database.
        let there = [("MESSAGING_ADDR", address.as_str()), ("MESSAGING_TOKEN", token.as_str())];
        look_after(&user, "user:1", &there);
        numbers(&user, &there, folder.path());
        replays(&there);
        // Where both are given, the service is asked, unless the database is asked for.
        let both = [&env[..], &[("MESSAGING_ADDR", "127.0.0.1:9")]].concat();
        assert!(failed(&["user", "list"], &both, 1).contains("UNAVAILABLE"));
        assert!(printed(&["user", "list", "--database"], &both).starts_with("1\tcarol\t"));
    } else {
        look_after(&user, "cli", &env);
        numbers(&user, &env, folder.path());
        replays(&env);
    }
}

/// The commands that act in either place, and print the same.
fn look_after(user: &str, actor: &str, env: &[(&str, &str)]) {
    assert_eq!(printed(&["account", "list"], env), "");
    let limited = printed(&["account", "limit", ACCOUNT, "--rate", "200", "--burst", "50"], env);
    assert_eq!(limited, format!("{ACCOUNT}\tfree\t-\t-\t200\t50"));
    assert_eq!(printed(&["account", "list"], env), limited);
    let back = printed(&["account", "limit", ACCOUNT, "--default"], env);
    assert_eq!(back, format!("{ACCOUNT}\tfree\t-\t-\t-\t-"));
    assert!(failed(&["account", "unblock", ACCOUNT], env, 1).contains("is not held"));
    assert!(failed(&["account", "limit", "no account!", "--rate", "1"], env, 2).contains("id must be"));
    assert_eq!(run(&["account", "limit", ACCOUNT], env).status.code(), Some(2));

    limits(user, env);

    let later = ["--before", "2100-01-01T00:00:00Z"];
    assert_eq!(printed(&["queue", "list", later[0], later[1]], env), "");
    let depth = printed(&["queue", "depth"], env);
    assert_eq!(
        depth.lines().map(|line| line.split('\t').next().unwrap()).collect::<Vec<_>>(),
        ["single", "campaign", "scheduled", "claimed", "sending", "unknown", "dead"]
    );
    assert!(depth.contains("single\t0\t-"), "{depth}");
    assert_eq!(printed(&["queue", "cancel", later[0], later[1], "--dry-run"], env), "0 messages wait");
    assert_eq!(printed(&["queue", "cancel", later[0], later[1]], env), "0 messages wait", "and nothing else");
    let said = printed(&["queue", "cancel", later[0], later[1], "--user", user, "--at-most", "0"], env);
    assert_eq!(said, "cancelled: 0; may be at the provider, and are UNKNOWN now: 0");
    assert_eq!(printed(&["dead", "list"], env), "");
    let nobody = "019a0000-0000-7000-8000-000000000000";
    assert!(failed(&["dead", "requeue", nobody], env, 1).contains("Message not found"));
    assert!(failed(&["dead", "show", "x"], env, 2).contains("id must be"));
    assert_eq!(printed(&["dead", "requeue-all", "--error", "RETRIES_EXHAUSTED"], env), "no message matches");
    assert!(failed(&["dead", "requeue-all", "--expect", "3"], env, 1).contains("0 messages match now"));

    let key = printed(&["key", "create", "--user", user, "--name", "till"], env);
    let listed = printed(&["key", "list", "--user", user], env);
    assert!(key.starts_with("msk_") && listed.starts_with(&format!("1\t{user}\t{}…\t", &key[..10])), "{listed}");
    assert!(listed.ends_with("\tlive\t-\t-\ttill"), "{listed}");
    assert!(printed(&["key", "expire", "1", "--days", "2"], env).starts_with("ends 20"));
    assert_eq!(printed(&["key", "revoke", "1"], env), "revoked");
    assert!(failed(&["key", "revoke", "1"], env, 1).contains("API key not found"));

    let granted = printed(&["audit", "--user", user], env);
    assert!(granted.contains("granted\t1\tsender +306…01") && !granted.contains("6900000001"), "{granted}");
    let acts = printed(&["audit", "--limit", "2", "--user", user], env);
    let acts: Vec<&str> = acts.lines().collect();
    assert!(acts[0].contains("key_revoked\t1\t1") && acts[1].contains("key_expired\t1\t1: 20"), "{acts:?}");
    assert!(acts.iter().all(|act| act.contains(&format!("\t{actor}\t"))), "{acts:?}");
    let number = acts[0].split('\t').next().unwrap();
    let behind = printed(&["audit", "--limit", "1", "--user", user, "--before", number], env);
    assert_eq!(behind, acts[1]);
    let json = printed(&["audit", "--limit", "1", "--json"], env);
    assert!(json.starts_with('{') && json.contains("AUDIT_ACT_KEY_REVOKED"), "{json}");
}

fn limits(user: &str, env: &[(&str, &str)]) {
    assert_eq!(printed(&["user", "limit", user, "--in-flight", "3"], env), "limited");
    assert_eq!(printed(&["user", "limit", user, "--calls", "7", "--uploads", "2"], env), "limited");
    let shown = printed(&["user", "show", user], env);
    assert!(shown.contains("calls\t7\nstreams\tdefault\nuploads\t2\nrefreshes\tdefault"), "{shown}");
    assert_eq!(printed(&["user", "limit", user, "--calls", "none", "--uploads", "none"], env), "limited");
    assert!(!printed(&["user", "show", user], env).contains("calls\t7"));
    assert!(failed(&["user", "limit", "999", "--in-flight", "none"], env, 1).contains("User not found"));

    let spend = ["user", "limit", user, "--segments-per-day", "20", "--countries", "gr,CY", "--per-number", "3"];
    assert_eq!(printed(&spend, env), "limited");
    assert!(failed(&["user", "limit", user, "--countries", "Greece"], env, 2).contains("countries"));
    assert_eq!(printed(&["user", "grant", user, "--sender", "0030 6900000001"], env), "granted");
    assert_eq!(printed(&["user", "ungrant", user, "--account", "*"], env), "taken away");
    assert_eq!(printed(&["user", "grant", user, "--account", ACCOUNT], env), "granted");
    assert!(
        failed(&["user", "ungrant", user, "--account", "5a4db0c5-0000-4000-8000-00000000000b"], env, 1)
            .contains("was not granted")
    );
    assert!(failed(&["user", "grant", user, "--sender", "no sender!"], env, 2).contains("sender"));
    assert!(failed(&["user", "grant", "999", "--sender", "*"], env, 1).contains("User not found"));
    let shown = printed(&["user", "show", user], env);
    for line in [
        "may send as\t*",
        &format!("may use accounts\t{ACCOUNT}"),
        "in flight\t3",
        "segments a day\t20",
        "segments a month\tnone",
        "countries\tCY GR",
        "messages to one number\t3 in 1440 minutes",
        "segments left today\t20",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line}: {shown}");
    }
    assert_eq!(printed(&["user", "limit", user, "--segments-per-day", "none", "--countries", "any"], env), "limited");
    assert_eq!(printed(&["user", "limit", user, "--per-number", "none"], env), "limited");
    assert_eq!(printed(&["user", "list"], env), format!("{user}\tcarol\t-\tlive"));
    for (command, said) in [("disable", "disabled"), ("enable", "enabled")] {
        // Its own token counts no more between the two, so this is another user.
        let other = printed(&["user", "create", "--name", "dora"], env);
        assert_eq!(printed(&["user", command, &other], env), said);
    }
}

fn replays(env: &[(&str, &str)]) {
    let said = printed(&["replay-reports", "--apply"], env);
    let [before, after, digest]: [&str; 3] = said.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((before, after), ("0 messages, 0 statements, 0 differ", before));
    assert_eq!(printed(&["replay-reports"], env), format!("{before}\n{digest}"));
    let here = printed(&["replicas"], env);
    let cells: Vec<&str> = here.split('\t').collect();
    assert!(cells.len() == 5 && cells[1] == env!("CARGO_PKG_VERSION"), "{here}");
    let never = ["bodies", "rows", "rows_left", "texts", "texts_left"].map(|name| format!("{name}\t-\t-\t-"));
    assert_eq!(printed(&["retention"], env), never.join("\n"), "nothing was ever erased");
}

fn numbers(user: &str, env: &[(&str, &str)], folder: &std::path::Path) {
    let number = "+306900000001";
    assert_eq!(printed(&["opt-out", "add", "0030 6900000001", "--user", user], env), "added");
    assert_eq!(printed(&["opt-out", "add", number, "--user", user], env), "it was there already");
    assert!(printed(&["opt-out", "list", "--user", user], env).starts_with("+306900000001\towner\t"));
    assert_eq!(printed(&["opt-out", "remove", number, "--user", user], env), "removed");
    assert!(failed(&["opt-out", "remove", number, "--user", user], env, 1).contains("not on the list"));
    let refused = failed(&["opt-out", "add", "4455", "--user", user], env, 2);
    assert!(refused.contains("<NUMBER>") && !refused.contains("4455"), "{refused}");
    let acts = printed(&["audit", "--limit", "1", "--user", user], env);
    assert!(acts.contains("opt_out_removed\t1\t+306…01"), "{acts}");

    let list = folder.join("numbers");
    std::fs::write(&list, "+306900000002\towner\t2026-01-02T03:04:05Z\n\n0030 6900000003\n+306900000002\n").unwrap();
    let said = printed(&["opt-out", "import", list.to_str().unwrap(), "--user", user], env);
    assert_eq!(said, "added: 2; there already: 1");
    std::fs::write(&list, "+306900000004\nno number\n").unwrap();
    let part = run(&["opt-out", "import", list.to_str().unwrap(), "--user", user], env);
    assert_eq!(part.status.code(), Some(1));
    let said = String::from_utf8(part.stdout).unwrap();
    assert_eq!(said, "line 2: is no phone number\nadded: 1; there already: 0\n");
    let lines = "+306900000005,supplier\n+306900000006,owner,yesterday\nx\n+306900000007,RECIPIENT,\n";
    std::fs::write(&list, lines).unwrap();
    let part = run(&["opt-out", "import", list.to_str().unwrap(), "--user", user], env);
    assert_eq!(part.status.code(), Some(1));
    let said = String::from_utf8(part.stdout).unwrap();
    let told = [
        "line 1: source must be owner or recipient",
        "line 2: created_at must be a time, such as 2026-09-21T14:00:00Z",
        "line 3: is no phone number",
        "added: 1; there already: 0",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), told);
    let listed = printed(&["opt-out", "list", "--user", user], env);
    assert!(listed.contains("+306900000007\trecipient") && !listed.contains("+306900000005"), "{listed}");

    assert!(failed(&["erase", "--number", number], env, 1).contains("PSEUDONYM_KEY"));
    assert_eq!(printed(&["inbound", "review"], env), "");
    let nobody = "019a0000-0000-7000-8000-000000000000";
    assert!(failed(&["inbound", "done", nobody], env, 1).contains("Inbound message not found"));
    assert!(failed(&["inbound", "done", "x"], env, 2).contains("id must be"));
}

#[test]
fn a_list_of_opt_outs_is_taken_out_as_csv_and_put_in_elsewhere_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let (here, there) = (url("here.db"), url("there.db"));
    let key = ["PSEUDONYM_KEY", "0123456789abcdef0123456789abcdef"];
    let (here, there) = ([("DATABASE_URL", here.as_str()), (key[0], key[1])], [("DATABASE_URL", there.as_str())]);
    for env in [&here[..], &there[..]] {
        printed(&["migrate"], env);
        assert_eq!(printed(&["user", "create", "--name", "ann"], env), "1");
    }
    let first = folder.path().join("first.csv");
    let lines = "number,source,created_at\n+306900000002,recipient,2026-01-02T03:04:05Z\n\"+306900000003\",owner,\n";
    std::fs::write(&first, lines).unwrap();
    assert_eq!(
        printed(&["opt-out", "import", first.to_str().unwrap(), "--user", "1"], &here),
        "added: 2; there already: 0"
    );
    printed(&["opt-out", "add", "+306900000004", "--user", "1"], &here);
    printed(&["erase", "--number", "+306900000004"], &here);

    let exported = run(&["opt-out", "export", "--user", "1"], &here);

    let text = String::from_utf8(exported.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["number,source,created_at", "+306900000002,recipient,2026-01-02T03:04:05Z"]);
    assert!(lines.len() == 3 && lines[2].starts_with("+306900000003,owner,20"), "{text}");
    assert!(String::from_utf8_lossy(&exported.stderr).contains("their numbers were erased: 1"));
    let file = folder.path().join("list.csv");
    std::fs::write(&file, &text).unwrap();
    for said in ["added: 2; there already: 0", "added: 0; there already: 2"] {
        assert_eq!(printed(&["opt-out", "import", file.to_str().unwrap(), "--user", "1"], &there), said);
    }
    assert_eq!(printed(&["opt-out", "export", "--user", "1"], &there), text.trim_end());
    assert!(failed(&["opt-out", "export", "--user", "99"], &there, 1).contains("User not found"));
}
