//! Starting and stopping, and what is said when something is missing.

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{ListMessagesRequest, SendSingleRequest};
use tonic::Request;

use crate::support::program::{Running, failed, printed, run};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn data() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    (directory, path)
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_first_ones_data_and_its_tokens_still_work() {
    let (_directory, path) = data();
    let listeners = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    // What is reported meanwhile is a matter of how fast the machine is.
    let env = [&listeners[..], &[("SANDBOX_REPORTS", "0")]].concat();
    let mut first = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    let mut client = MessagingServiceClient::connect(format!("http://{}", first.address("grpc"))).await.unwrap();
    let send =
        SendSingleRequest { destination: "+306900000001".to_owned(), text: "Hi".to_owned(), ..Default::default() };
    let sent = client.send_single(with_token(send, &token)).await.unwrap().into_inner().message.unwrap();
    first.signal("TERM");
    assert!(first.wait().success(), "{}", first.log());
    assert!(first.log().contains("grpcurl -plaintext"), "{}", first.log());

    let second = Running::start(&["serve", "--sandbox"], &env);
    let mut client = MessagingServiceClient::connect(format!("http://{}", second.address("grpc"))).await.unwrap();
    let list = client.list_messages(with_token(ListMessagesRequest::default(), &token)).await.unwrap().into_inner();
    assert_eq!(list.messages, std::slice::from_ref(&sent));
    let ask = messaging::proto::GetMessageStatusRequest { message_id: sent.provider_message_id.unwrap() };
    let view = client.get_message_status(with_token(ask, &token)).await.unwrap().into_inner();
    assert_eq!(view.text.as_deref(), Some("Hi"), "the sandbox remembers, too");
}

#[test]
fn what_it_writes_is_its_users_alone_and_secrets_may_stand_in_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = data();
    let data = format!("{path}/data");
    let secret = format!("{path}/secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let env = [
        ("DATA_DIR", data.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
        ("JWT_SECRET_FILE", secret.as_str()),
    ];
    let running = Running::start(&["serve", "--sandbox"], &env);
    drop(running);
    let mut seen = 0;
    for path in crate::support::files::under(std::path::Path::new(&data)) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o700, 0, "{}: {mode:o}", path.display());
        seen += 1;
    }
    assert!(seen >= 3 && std::fs::metadata(&data).unwrap().permissions().mode() & 0o777 == 0o700);
    let both = [&env[..], &[("JWT_SECRET", SECRET)]].concat();
    let refused = run(&["serve", "--sandbox"], &both);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("JWT_SECRET_FILE"));
    // The secret of the file is the one that tokens are signed with.
    let other = [&env[..3], &[("JWT_SECRET", SECRET)]].concat();
    let token = printed(&["token", "--user", "1", "--sandbox"], &other);
    let again = Running::start(&["serve", "--sandbox"], &env);
    let listed = run(&["list", "--addr", &again.address("grpc"), "--token", &token], &[]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
}

#[test]
fn a_second_server_on_one_sqlite_file_is_refused_and_says_who_has_it() {
    let (_directory, path) = data();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let _first = Running::start(&["serve", "--sandbox"], &env);
    let second = run(&["serve", "--sandbox"], &env);
    let words = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(words.contains("DATABASE_URL") && words.contains("pid"), "{words}");
    assert_eq!(printed(&["user", "create", "--name", "x", "--sandbox"], &env), "2", "administration runs beside it");
}

#[test]
fn every_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    let (_directory, path) = data();
    let database = format!("sqlite://{path}/m.db");
    let good = [
        ("MITTO_API_KEY", "k"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("JWT_SECRET", SECRET),
        ("DATABASE_URL", database.as_str()),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases = [
        ("MITTO_API_KEY", "", "MITTO_API_KEY environment variable is required"),
        (
            "SMS_TRAFFIC_ACCOUNT_ID",
            "",
            "SMS_TRAFFIC_ACCOUNT_ID or MITTO_TRAFFIC_ACCOUNT_ID environment variable is required",
        ),
        ("JWT_SECRET", "", "JWT_SECRET"),
        ("JWT_SECRET", "short", "JWT_SECRET"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none", "DATABASE_URL"),
        ("DATABASE_URL", "sqlite:///proc/nowhere/m.db", "DATABASE_URL"),
        ("GRPC_ADDR", "nonsense", "GRPC_ADDR"),
        ("GRPC_ADDR", taken.as_str(), "GRPC_ADDR"),
        ("GRPC_ADDR", "0.0.0.0:0", "GRPC_PLAINTEXT"),
        ("HTTP_ADDR", "1.2.3.4", "HTTP_ADDR"),
        ("HTTP_ADDR", "0.0.0.0:0", "HTTP_PLAINTEXT"),
        ("HTTP_TLS", "1", "HTTP_TLS"),
        ("DATABASE_URL", "postgres://nobody@db.example/none", "sslmode"),
        ("JWT_KEYS", "new", "JWT_KEYS"),
        ("JWT_KEYS", "new=short", "JWT_KEYS"),
        ("JWT_SECRET_FILE", "/nowhere", "JWT_SECRET_FILE"),
        ("JWT_JWKS_FILE", "/nowhere.json", "JWT_JWKS_FILE"),
        ("JWT_JWKS_URL", "http://idp.example/keys", "must be an https URL"),
        ("MITTO_API_KEY", "two\nlines", "MITTO_API_KEY cannot be sent in a header"),
        ("MITTO_API_BASE", "ftp://x", "MITTO_API_BASE"),
        ("MITTO_SENDER", "!", "MITTO_SENDER"),
        ("MITTO_TIMEOUT_SECONDS", "x", "MITTO_TIMEOUT_SECONDS"),
        ("LEASE_SECONDS", "30", "LEASE_SECONDS"),
        ("GRPC_TLS_CERT", "/nowhere.pem", "GRPC_TLS_KEY"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL"),
        ("WORKERS", "maybe", "WORKERS"),
        ("CONSOLE", "maybe", "CONSOLE"),
        ("PUBLIC_ORIGIN", "sms.example.com", "PUBLIC_ORIGIN"),
        ("PUBLIC_ORIGIN", "http://sms.example.com", "PUBLIC_ORIGIN"),
        ("PUBLIC_ORIGIN", "https://sms.example.com/?a=b", "PUBLIC_ORIGIN"),
        ("PUBLIC_ORIGIN", "https://user@sms.example.com", "PUBLIC_ORIGIN"),
        ("CORS_ALLOWLIST", "*", "CORS_ALLOWLIST"),
        ("CORS_ALLOWLIST", "https://good.example,https://good.example/path", "CORS_ALLOWLIST"),
        ("CORS_ALLOWLIST", "https://GOOD.example", "CORS_ALLOWLIST"),
        ("CORS_ALLOWLIST", "app.example.com", "CORS_ALLOWLIST"),
        ("WEBHOOK_SECRET", "0123456789abcdef,short", "WEBHOOK_SECRET"),
        ("WEBHOOK_SECRET", "15-characters-x", "use 16 characters or more"),
        ("WEBHOOK_SECRET", "whsec_not base64 at all", "WEBHOOK_SECRET"),
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ=", "WEBHOOK_SECRET"),
        ("ADMIN_ADDR", "nonsense", "ADMIN_ADDR must be"),
        ("ADMIN_ADDR", taken.as_str(), "ADMIN_ADDR cannot be used"),
    ];
    for (name, value, expected) in cases {
        let mut env = good.to_vec();
        env.retain(|(n, _)| *n != name);
        env.push((name, value));
        let output = run(&["serve"], &env);
        let words = String::from_utf8(output.stderr).unwrap();
        // What may be over by itself is started again by whoever supervises the process.
        let passes = value == taken || value.contains("127.0.0.1:1/") || value.contains("/proc/nowhere");
        assert_eq!(output.status.code(), Some(if passes { 1 } else { 2 }), "{name}={value}: {words}");
        assert!(words.contains(expected), "{name}={value}: {words}");
        assert_eq!(words.lines().count(), 1, "{name}={value}: {words}");
        assert!(output.stdout.is_empty());
    }
    assert!(printed(&["check-config"], &good).contains("good"));
    let misspelt = [&good[..], &[("SEND_CONCURENCY", "5"), ("JWT_SECRET_FILE", ""), ("PATH_TO", "x")]].concat();
    let checked = printed(&["check-config"], &misspelt);
    assert!(checked.ends_with("\nSEND_CONCURENCY is no variable of this program; SEND_CONCURRENCY is"), "{checked}");
    let spool = [&good[..], &[("SPOOL_DIR", "/etc/passwd/spool")]].concat();
    let checked = run(&["check-config"], &spool);
    assert!(!checked.status.success() && String::from_utf8_lossy(&checked.stderr).contains("SPOOL_DIR"));
    // A file that is no database, and one of whose pages some are lost.
    for (name, harm) in [("junk.db", 0), ("torn.db", 4096)] {
        let file = format!("{path}/{name}");
        let url = format!("sqlite://{file}");
        let mut env = good.to_vec();
        env.retain(|(n, _)| *n != "DATABASE_URL");
        env.push(("DATABASE_URL", &url));
        if harm == 0 {
            std::fs::write(&file, "this is no database, but a text of some length\n".repeat(100)).unwrap();
        } else {
            printed(&["migrate"], &env);
            let mut bytes = std::fs::read(&file).unwrap();
            bytes.iter_mut().skip(harm).step_by(3).for_each(|byte| *byte ^= 0x5a);
            std::fs::write(&file, bytes).unwrap();
        }
        let checked = run(&["check-config"], &env);
        let words = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(!checked.status.success() && words.contains("DATABASE_URL"), "{name}: {words}");
    }
}

#[test]
fn what_stops_the_sandbox_inside_is_told_by_the_variable_that_it_comes_from() {
    let (_directory, path) = data();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let good = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    std::fs::create_dir_all(format!("{path}/held/sandbox-ledger.jsonl")).unwrap();
    let held = format!("{path}/held");
    for (name, value, status, expected) in [
        ("SANDBOX_ADDR", taken.as_str(), 1, "SANDBOX_ADDR cannot be used"),
        ("SANDBOX_ADDR", "nonsense", 2, "SANDBOX_ADDR must be"),
        ("ADMIN_ADDR", taken.as_str(), 1, "ADMIN_ADDR cannot be used"),
        ("DATA_DIR", "/proc/nowhere", 1, "DATA_DIR cannot be used"),
        ("DATA_DIR", held.as_str(), 1, "DATA_DIR cannot be used"),
        ("WEBHOOK_SECRET", "sixteen\nor more characters", 2, "WEBHOOK_SECRET cannot be sent in a header"),
    ] {
        let mut env = good.to_vec();
        env.retain(|(n, _)| *n != name);
        env.push((name, value));
        let said = failed(&["serve", "--sandbox"], &env, status);
        assert!(said.starts_with(&format!("messaging: {expected}")), "{name}={value}: {said}");
    }
}

#[test]
fn a_database_is_blamed_on_the_variable_that_says_where_it_is() {
    let (_directory, path) = data();
    let file = format!("{path}/file");
    std::fs::write(&file, "x").unwrap();
    let real = [
        ("MITTO_API_KEY", "k"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("JWT_SECRET", SECRET),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    for place in ["/proc/nowhere", file.as_str()] {
        for command in [&["serve"][..], &["migrate"], &["user", "create", "--name", "x"]] {
            let said = failed(command, &[&real[..], &[("DATA_DIR", place)]].concat(), 1);
            assert!(said.contains("DATA_DIR cannot be used") && !said.contains("DATABASE_URL"), "{command:?}: {said}");
        }
        let said = failed(&["user", "list"], &[("DATA_DIR", place)], 2);
        assert!(said.contains("DATA_DIR leads to no database") && !said.contains("DATABASE_URL"), "{said}");
    }
    let said = failed(&["migrate"], &[("DATABASE_URL", &format!("sqlite://{file}/m.db")), ("DATA_DIR", &path)], 1);
    assert!(said.contains("DATABASE_URL cannot be used"), "{said}");
}

#[test]
fn scripts_get_the_id_the_token_and_the_key_alone() {
    let (_directory, path) = data();
    let database = format!("sqlite://{path}/m.db");
    let env = [("DATABASE_URL", database.as_str()), ("JWT_SECRET", SECRET)];
    assert!(printed(&["migrate"], &env).contains("up to date"));
    assert_eq!(printed(&["user", "create", "--name", "Ann", "--sender", "Shop"], &env), "1");
    assert_eq!(printed(&["token", "--user", "1", "--scope", "admin act-as"], &env).split('.').count(), 3);
    assert!(printed(&["key", "create", "--user", "1"], &env).starts_with("msk_"));
    assert!(printed(&["key", "list"], &env).contains("live"));
    assert_eq!(printed(&["key", "revoke", "1"], &env), "revoked");
    assert!(printed(&["migrate"], &env).contains("up to date"));
    for wrong in [&["token", "--user", "1", "--scope", "root"][..], &["nonsense"], &[]] {
        assert_eq!(run(wrong, &env).status.code(), Some(2), "{wrong:?}");
    }
    for unknown in [["token", "--user", "9"], ["key", "revoke", "7"]] {
        assert_eq!(run(&unknown, &env).status.code(), Some(1), "{unknown:?}");
    }
}
