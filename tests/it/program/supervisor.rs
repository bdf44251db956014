//! What the program tells those who run it: systemd over its socket, a container's probe by an exit status, and the log.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::program::{Running, failed, printed};
use crate::support::store::eventually;

/// Long enough for any machine; what is waited for comes at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// The next word.
fn heard(socket: &UnixDatagram) -> String {
    let mut word = [0; 64];
    let n = socket.recv(&mut word).expect("the supervisor is told something");
    String::from_utf8(word[..n].to_vec()).unwrap()
}

/// The next word that is none of these.
fn heard_but(socket: &UnixDatagram, passed_over: &str) -> String {
    loop {
        let word = heard(socket);
        if word != passed_over {
            return word;
        }
    }
}

#[test]
fn a_supervisor_is_told_that_the_program_is_ready_lives_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display().to_string();
    let path = format!("{data}/notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let serve = ["serve", "--sandbox"];
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("NOTIFY_SOCKET", path.as_str()),
        ("WATCHDOG_USEC", "100000"),
    ];
    let mut server = Running::start(&serve, &env);
    assert_eq!(heard(&socket), "READY=1");
    assert_eq!(heard(&socket), "WATCHDOG=1");
    assert_eq!(heard(&socket), "WATCHDOG=1");
    server.signal("TERM");
    assert_eq!(heard_but(&socket, "WATCHDOG=1"), "STOPPING=1");
    assert!(server.wait().success(), "{}", server.log());
}

#[test]
#[cfg(target_os = "linux")]
fn a_supervisor_may_have_an_abstract_name() {
    use std::os::linux::net::SocketAddrExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display().to_string();
    let name = format!("messaging-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = format!("@{name}");
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("NOTIFY_SOCKET", name.as_str()),
    ];
    let _server = Running::start(&["serve", "--sandbox"], &env);
    assert_eq!(heard(&socket), "READY=1");
}

/// A port that nobody has now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_probe_ends_well_while_the_process_serves_and_badly_after() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display().to_string();
    let admin = format!("127.0.0.1:{}", free_port());
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("ADMIN_ADDR", admin.as_str()),
    ];
    let mut server = Running::start(&["serve", "--sandbox"], &env);
    assert!(printed(&["probe"], &env).contains(r#""ok":true"#));
    assert!(printed(&["probe", "--ready"], &env).contains(r#""held":[]"#));
    server.signal("TERM");
    server.wait();
    assert!(failed(&["probe"], &env, 1).contains("does not answer"));
    assert!(failed(&["probe"], &[("HTTP_ADDR", "127.0.0.1:0")], 2).contains("HTTP_ADDR"));
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_went_well_have_one_line_together_and_the_others_one_each() {
    const SECRET: &str = "a-webhook-secret-of-16-or-more";
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().display().to_string();
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("WEBHOOK_SECRET", SECRET),
        ("SANDBOX_REPORTS", "0"),
        ("LOG_FORMAT", "json"),
    ];
    let mut server = Running::start(&["serve", "--sandbox"], &env);
    let url = format!("http://{}/webhooks/mitto/dlr", server.address("http"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for n in 0..20 {
        let body = format!(r#"{{"messageId":"p-{n}","status":"Delivered"}}"#);
        let answer = http.post(&url).header("x-webhook-token", SECRET).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }
    let forged = http.post(&url).header("x-webhook-token", "somebody-else-entirely").body("{}").send().await.unwrap();
    assert_eq!(forged.status(), 401);
    eventually(async || server.log().contains(r#""status":401"#)).await;
    server.signal("TERM");
    server.wait();
    let log = server.log();
    let told = |field: &str| {
        let lines = log.lines().filter(|line| line.contains("the provider's posts"));
        let field = format!(r#""{field}":"#);
        let of = |line: &str| line.split_once(&field)?.1.split([',', '}']).next()?.parse::<u64>().ok();
        lines.filter_map(of).sum::<u64>()
    };
    assert_eq!((told("posts"), told("parked")), (20, 20), "{log}");
    let each = log.lines().filter(|line| line.contains("/webhooks/mitto/dlr")).count();
    assert_eq!(each, 1, "{log}");
}
