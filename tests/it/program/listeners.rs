//! The listeners of the real program: probes and metrics where operators want them, TLS on HTTP, reflection off.

use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::StatusCode;

use crate::support::program::{Running, failed, printed};

fn place(folder: &tempfile::TempDir) -> String {
    folder.path().display().to_string()
}

async fn status(url: &str) -> StatusCode {
    reqwest::get(url).await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_address_for_operators_probes_and_metrics_are_there_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let any = "127.0.0.1:0";
    let env = [
        ("DATA_DIR", place.as_str()),
        ("GRPC_ADDR", any),
        ("HTTP_ADDR", any),
        ("ADMIN_ADDR", any),
        ("GRPC_REFLECTION", "0"),
    ];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let (http, admin) = (server.address("http"), server.address("admin"));
    for path in ["healthz", "readyz", "metrics"] {
        assert_eq!(status(&format!("http://{admin}/{path}")).await, StatusCode::OK, "{path}");
        assert_eq!(status(&format!("http://{http}/{path}")).await, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(status(&format!("http://{http}/openapi.json")).await, StatusCode::OK);
    for path in ["openapi.json", "api/v1/messages", "webhooks/mitto/dlr"] {
        assert_eq!(status(&format!("http://{admin}/{path}")).await, StatusCode::NOT_FOUND, "{path}");
    }

    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut reflection = tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(channel);
    let refused = reflection.server_reflection_info(tokio_stream::empty()).await.unwrap_err();
    assert!(matches!(refused.code(), tonic::Code::Unimplemented | tonic::Code::Unauthenticated), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_has_the_tls_of_grpc_if_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name).display().to_string());
    fs::write(&cert_file, cert.pem()).unwrap();
    fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let any = "127.0.0.1:0";
    let files = [("GRPC_TLS_CERT", cert_file.as_str()), ("GRPC_TLS_KEY", key_file.as_str())];
    let listeners = [("DATA_DIR", place.as_str()), ("GRPC_ADDR", any), ("HTTP_ADDR", any), ("HTTP_TLS", "1")];
    let env: Vec<(&str, &str)> = files.into_iter().chain(listeners).chain([("SANDBOX_REPORTS", "0")]).collect();
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--sandbox", "--user", "1"], &env);
    let port = server.address("http").rsplit(':').next().unwrap().to_owned();
    let trusted = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let list = format!("https://localhost:{port}/api/v1/messages");
    let answer = client.get(&list).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(reqwest::get(list.replace("https", "http")).await.is_err(), "nothing is said in plain text");
    assert!(reqwest::Client::new().get(&list).send().await.is_err(), "nobody vouches for it elsewhere");
}

#[test]
fn metrics_are_not_public_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let public = [("DATA_DIR", place.as_str()), ("HTTP_ADDR", "0.0.0.0:0"), ("HTTP_PLAINTEXT", "1")];
    let said = failed(&["serve", "--sandbox"], &public, 2);
    assert!(said.contains("ADMIN_ADDR") && said.contains("PUBLIC_METRICS"), "{said}");
    let same: Vec<_> =
        [("DATA_DIR", place.as_str()), ("HTTP_ADDR", "127.0.0.1:9999"), ("ADMIN_ADDR", "127.0.0.1:9999")].into();
    assert!(failed(&["serve", "--sandbox"], &same, 2).contains("ADMIN_ADDR"));
}
