//! The program itself, started as a child, and scripts run against it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::support::program::{Running, printed};

/// A serving sandbox; ends when it is dropped.
pub(super) struct Live {
    running: Running,
    dir: TempDir,
    /// The environment of the scripts.
    pub env: BTreeMap<String, String>,
}

impl Live {
    /// Serves in plain text.
    pub(super) fn plain() -> Self {
        Self::start(TempDir::new().unwrap(), &[])
    }

    /// Serves over TLS, with a certificate for `localhost` by an authority of its own.
    pub(super) fn tls() -> Self {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (ca, cert, key) = (path("ca.pem"), path("cert.pem"), path("key.pem"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = KeyPair::generate().unwrap();
        fs::write(&ca, params.self_signed(&authority).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, authority);
        let own = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        fs::write(&cert, params.signed_by(&own, &issuer).unwrap().pem()).unwrap();
        fs::write(&key, own.serialize_pem()).unwrap();
        let mut live = Self::start(dir, &[("GRPC_TLS_CERT", cert), ("GRPC_TLS_KEY", key)]);
        let port = live.env["ADDR"].rsplit(':').next().unwrap().to_owned();
        live.env.extend([("CACERT".to_owned(), ca), ("ADDR".to_owned(), format!("localhost:{port}"))]);
        live
    }

    fn start(dir: TempDir, more: &[(&str, String)]) -> Self {
        let data = dir.path().join("data").display().to_string();
        let place = [("DATA_DIR", data.as_str())];
        // Results of a bulk refresh come in any order; one at a time they come in the order of the ids.
        let serving = [("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0"), ("REFRESH_CONCURRENCY", "1")];
        // What is reported meanwhile is a matter of how fast the machine is.
        let quiet = [("SANDBOX_REPORTS", "0"), ("POLL_RATE", "0")];
        let more = more.iter().map(|(name, value)| (*name, value.as_str()));
        let env: Vec<(&str, &str)> = place.into_iter().chain(serving).chain(quiet).chain(more).collect();
        let running = Running::start(&["serve", "--sandbox"], &env);
        let token = ["token", "--sandbox", "--user", "1"];
        let scripts = [
            ("ADDR", running.address("grpc")),
            ("TOKEN", printed(&token, &place)),
            ("READ_TOKEN", printed(&[&token[..], &["--scope", "messages:read"]].concat(), &place)),
            ("OPS_TOKEN", printed(&[&token[..], &["--scope", "ops"]].concat(), &place)),
            ("ACTING_TOKEN", printed(&[&token[..], &["--scope", "ops act-as"]].concat(), &place)),
            ("API_KEY", printed(&["key", "create", "--sandbox", "--user", "1"], &place)),
            ("GRPCURL", grpcurl().display().to_string()),
        ];
        let env = scripts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { running, dir, env }
    }

    /// Puts a value into the scripts' environment.
    pub(super) fn keep(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// The output of a script, and below it its exit status unless that is 0.
    pub(super) fn script(&self, name: &str, arguments: &[&str]) -> String {
        let mut script = Command::new(super::folder().join(format!("{name}.sh")));
        let done = script.args(arguments).env_clear().env("PATH", path()).envs(&self.env).output().unwrap();
        let mut text = String::new();
        for part in [done.stdout, done.stderr] {
            text += &String::from_utf8(part).unwrap();
            // grpcurl ends some answers without a line's end.
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
        }
        let code = done.status.code().unwrap();
        if code != 0 {
            text = format!("{text}exit status {code}\n");
        }
        text
    }

    /// Lets a recipient write: the provider's post of it, which has to be taken.
    pub(super) fn receive(&self, body: &str) {
        let secret = fs::read_to_string(self.dir.path().join("data/sandbox-webhook-secret")).unwrap();
        let address = self.running.address("http");
        let mut stream = TcpStream::connect(&address).unwrap();
        let (secret, length) = (secret.trim(), body.len());
        write!(
            stream,
            "POST /webhooks/mitto/inbound HTTP/1.1\r\nhost: {address}\r\nx-webhook-token: {secret}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }

    /// The server's log.
    pub(super) fn log(&self) -> String {
        self.running.log()
    }
}

fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// The real grpcurl.
fn grpcurl() -> PathBuf {
    let given = std::env::var_os("GRPCURL").map(PathBuf::from).filter(|path| path.is_file());
    given.expect("GRPCURL does not name the real grpcurl: run scripts/test, which fetches it")
}
