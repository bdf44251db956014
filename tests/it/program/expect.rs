//! `sandbox expect`: the ledger's word as an exit status.

use std::process::Stdio;

use crate::support::program::{Running, failed, messaging, printed};

fn serving() -> (tempfile::TempDir, Running, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    (directory, server, token)
}

fn send(server: &Running, token: &str, to: &str, text: &str) -> String {
    let grpc = format!("http://{}", server.address("grpc"));
    let said = printed(&["send", "--to", to, "--text", text, "--json", "--addr", &grpc, "--token", token], &[]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    said["message"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_ledger_is_waited_for_and_judged() {
    let (_directory, server, token) = serving();
    let sandbox = server.address("sandbox");
    let of = |arguments: &[&'static str]| {
        [&["sandbox", "expect", "--addr"], [sandbox.as_str()].as_slice(), arguments].concat()
    };
    assert_eq!(printed(&of(&["--count", "0", "--within", "100ms"]), &[]), "0 messages, as expected");
    let said = failed(&of(&["--to", "+306900000021", "--within", "100ms"]), &[], 1);
    assert_eq!(said, "messaging: 0 messages in the sandbox's ledger, and not 1 within 100ms\n");

    // It waits for what is sent after it has begun.
    let waiting = messaging(&of(&["--to", "+306900000021", "--within", "1m"]), &[]).stdout(Stdio::piped()).spawn();
    let id = send(&server, &token, "+306900000021", "Your code is 7");
    let waited = waiting.unwrap().wait_with_output().unwrap();
    assert_eq!(String::from_utf8(waited.stdout).unwrap(), "1 message, as expected\n");

    send(&server, &token, "+306900000022", "Hello");
    for good in [
        &["--to", "+306900000021"][..],
        &["--text", "Your code is 7"],
        &["--count", "2"],
        &["--count", "1", "--at-least"],
        &["--text", "Hello", "--to", "+306900000022"],
    ] {
        printed(&of(good), &[]);
    }
    printed(&[&of(&["--reference"])[..], &[&id]].concat(), &[]);
    // More than were expected will never be fewer: that is told at once.
    let said = failed(&of(&["--count", "1", "--within", "10m"]), &[], 1);
    assert!(said.starts_with("messaging: 2 messages in the sandbox's ledger, and not 1 within"), "{said}");
    let said = failed(&of(&["--text", "Hello", "--count", "0", "--within", "10m"]), &[], 1);
    assert!(said.starts_with("messaging: 1 message in"), "{said}");
}

#[test]
fn what_is_no_sandbox_is_told() {
    let (_directory, server, _) = serving();
    let said = failed(&["sandbox", "expect", "--addr", "127.0.0.1:1"], &[], 1);
    assert!(said.starts_with("messaging: no sandbox answers at 127.0.0.1:1"), "{said}");
    let said = failed(&["sandbox", "expect", "--addr", &server.address("http")], &[], 1);
    assert!(said.contains("refuses to be asked so") && !said.contains("+30"), "{said}");
    let said = failed(&["sandbox", "expect", "--addr", &server.address("sandbox"), "--to", "nobody"], &[], 2);
    assert!(said.contains("destination must be a number in E.164"), "{said}");
}
