//! Clients that we did not write, against the running program: Python's grpcio, buf, curl and tonic.

mod conformance;
mod contract;
mod postman;
/// The receiver of the document.
#[path = "../../docs/clients/receive.rs"]
mod receive;
mod retries;
/// The snippet of the document.
#[path = "../../docs/clients/send.rs"]
mod send;

use std::io::BufRead as _;
use std::process::Command;

use crate::support::files;
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

/// A text as the sandbox's ledger names it.
fn digest(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
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

/// A file of the snippets.
fn snippet(name: &str) -> String {
    files::root().join("docs/clients").join(name).display().to_string()
}

#[test]
fn the_snippet_for_python_sends_refreshes_and_reads_an_error() {
    let (_directory, server, token) = server();
    let out = succeed(Command::new(tool("PYTHON")).args([&snippet("send.py"), &server.address("grpc"), &token]));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("sent "), "{out}");
    assert_eq!(lines[1..], ["1 of 1: result", "1 of 1: summary", "INVALID_ARGUMENT VALIDATION_ERROR"]);
}

#[test]
fn the_snippet_for_curl_sends_refreshes_and_reads_an_error() {
    let (_directory, server, token) = server();
    let out = succeed(Command::new("bash").args([&snippet("send.sh"), &server.address("http"), &token]));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("sent 0"), "{out}");
    assert_eq!(lines[1..4], ["event: result", "event: summary", "event: end"]);
    let refused: serde_json::Value = serde_json::from_str(lines[4]).unwrap();
    assert_eq!(refused["code"], "VALIDATION_ERROR");
}

#[test]
fn the_snippet_for_rust_sends_refreshes_and_reads_an_error() {
    let (_directory, server, token) = server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = runtime.block_on(send::send(server.address("grpc"), &token)).unwrap();
    assert!(seen[0].starts_with("sent 0"), "{seen:?}");
    assert_eq!(seen[1..], ["1 of 1", "1 of 1", "INVALID_ARGUMENT VALIDATION_ERROR"]);
}

/// A receiver that runs until this is dropped, and the lines that it says.
struct Receiving(std::process::Child, std::io::Lines<std::io::BufReader<std::process::ChildStdout>>);

impl Receiving {
    fn start(secret: &str) -> Self {
        let mut command = Command::new(tool("PYTHON"));
        command.args([&snippet("receive.py"), "0", secret]).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    fn line(&mut self) -> String {
        self.1.next().expect("the receiver runs").unwrap()
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_receiver_in_python_takes_what_is_signed_and_nothing_else() {
    let (_directory, server, token) = server();
    let grpc = format!("http://{}", server.address("grpc"));
    let ask = |arguments: &[&str]| {
        let at = ["--addr", &grpc, "--token", &token, "--json"];
        let said = printed(&[&["webhooks"], arguments, &at].concat(), &[]);
        serde_json::from_str::<serde_json::Value>(&said).unwrap()
    };
    let made = ask(&["create", "http://127.0.0.1:9/", "--type", "message.sent", "--max-batch", "5"]);
    let (id, secret) = (made["endpoint"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let mut receiving = Receiving::start(secret);
    let listening = receiving.line();
    let url = format!("http://127.0.0.1:{}/", listening.strip_prefix("listening at ").unwrap());
    ask(&["update", id, "--url", &url]);
    assert_eq!(ask(&["test", id]), serde_json::json!({"outcome": "CALL_OUTCOME_TAKEN", "httpStatus": 204}));
    assert!(receiving.line().starts_with("endpoint.test test_"));
    let forged = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}", "-H", "webhook-id: evt_1"];
    let more = ["-H", "webhook-timestamp: 1", "-H", "webhook-signature: v1,AAAA", &url];
    assert_eq!(succeed(Command::new("curl").args(forged).args(more)), "401");
    printed(&["send", "--to", "+306900000001", "--text", "Hello", "--addr", &grpc, "--token", &token], &[]);
    assert!(receiving.line().starts_with("message.sent evt_"), "in a batch of its own");
}

#[test]
fn the_receiver_in_rust_takes_what_is_signed_and_nothing_else() {
    let (_directory, server, token) = server();
    let grpc = format!("http://{}", server.address("grpc"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ask = |arguments: &[&str]| {
        let at = ["--addr", &grpc, "--token", &token, "--json"];
        let said = printed(&[&["webhooks"], arguments, &at].concat(), &[]);
        serde_json::from_str::<serde_json::Value>(&said).unwrap()
    };
    let made = ask(&["create", &url, "--type", "message.sent", "--max-batch", "5"]);
    let secret = made["secret"].as_str().unwrap().to_owned();
    let (heard, hears) = std::sync::mpsc::channel();
    runtime.spawn(
        async move { receive::receive(listener, &secret, move |event| heard.send(event.clone()).unwrap()).await },
    );
    assert_eq!(ask(&["test", made["endpoint"]["id"].as_str().unwrap()])["outcome"], "CALL_OUTCOME_TAKEN");
    assert_eq!(hears.recv().unwrap()["type"], "endpoint.test");
    let forged = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}", "-H", "webhook-id: evt_1"];
    let more = ["-H", "webhook-timestamp: 1", "-H", "webhook-signature: v1,AAAA", &url];
    assert_eq!(succeed(Command::new("curl").args(forged).args(more)), "401");
    printed(&["send", "--to", "+306900000001", "--text", "Hello", "--addr", &grpc, "--token", &token], &[]);
    let event = hears.recv().unwrap();
    assert!(event["type"] == "message.sent" && event["id"].as_str().unwrap().starts_with("evt_"), "{event}");
}

#[test]
fn the_document_quotes_every_snippet_byte_for_byte() {
    let document = files::read("docs/clients.md");
    let files = files::under(&files::root().join("docs/clients"));
    assert_eq!(files.len(), 8);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let fence = match path.extension().unwrap().to_str().unwrap() {
            "sh" => "bash",
            "py" => "python",
            "rs" => "rust",
            _ => "js",
        };
        let quoted = format!("\n[{name}](clients/{name})");
        let (_, after) = document.split_once(&quoted).unwrap_or_else(|| panic!("docs/clients.md names no {name}"));
        let (_, block) = after.split_once(&format!("\n```{fence}\n")).unwrap();
        let (block, _) = block.split_once("```").unwrap();
        assert!(block == text, "docs/clients.md quotes {name} otherwise than it is");
    }
}

#[test]
fn the_page_of_metrics_is_read_by_a_strict_parser_of_its_format() {
    let (_directory, server, token) = server();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/metrics.py");
    let send = snippet("send.py");
    // Something has happened by then.
    succeed(Command::new(tool("PYTHON")).args([&send, &server.address("grpc"), &token]));
    let out =
        succeed(Command::new(tool("PYTHON")).args([script, &format!("http://{}/metrics", server.address("http"))]));
    assert!(out.contains("every family is well formed"), "{out}");
}
