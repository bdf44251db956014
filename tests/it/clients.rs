//! Clients that we did not write, against the running program: Python's grpcio with reflection, and buf.

use std::process::Command;

use crate::support::program::{Running, printed};

/// A tool that `scripts/test` fetches and names.
fn tool(variable: &str) -> String {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run scripts/test, which fetches the tool"))
        .into_string()
        .unwrap()
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn server() -> (tempfile::TempDir, Running, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [
        ("DATA_DIR", path.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("SANDBOX_REPORTS", "0"),
        ("POLL_RATE", "0"),
    ];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    (directory, server, token)
}

#[test]
fn python_with_reflection_alone_calls_every_method_and_decodes_every_error() {
    let (_directory, server, token) = server();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/every_method.py");
    let out = succeed(Command::new(tool("PYTHON")).args([script, &server.address("grpc"), &token]));
    assert!(out.contains("every method was called"), "{out}");
}

#[test]
fn buf_curl_speaks_grpc_and_reflection_with_the_server() {
    let (_directory, server, token) = server();
    let base = format!("http://{}", server.address("grpc"));
    let curl = |arguments: &[&str]| {
        let mut command = Command::new(tool("BUF"));
        command.args(["curl", "--protocol", "grpc", "--http2-prior-knowledge"]).args(arguments);
        command
    };
    let methods = succeed(curl(&["--list-methods"]).arg(&base));
    assert!(methods.contains("messaging.v1.MessagingService/RefreshStatusBulk"), "{methods}");
    let header = format!("authorization: Bearer {token}");
    let body = r#"{"destination":"+306900000001","text":"Hello"}"#;
    let url = format!("{base}/messaging.v1.MessagingService/SendSingle");
    let sent = succeed(&mut curl(&["-H", &header, "-d", body, &url]));
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["message"]["status"], "MESSAGE_STATUS_SENT");
}
