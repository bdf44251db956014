//! The program itself, started as a child, and scripts run against it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_messaging");

/// A serving sandbox; ends when it is dropped.
pub(super) struct Live {
    dir: TempDir,
    child: Child,
    /// What the scripts find in their environment.
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
        let log = File::create(dir.path().join("log")).unwrap();
        let mut serve = program(dir.path());
        serve.args(["serve", "--sandbox"]).env("GRPC_ADDR", "127.0.0.1:0").env("HTTP_ADDR", "127.0.0.1:0");
        // Results of a bulk refresh come in any order; one at a time they come in the order of the ids.
        serve.env("REFRESH_CONCURRENCY", "1").envs(more.iter().map(|(name, value)| (*name, value)));
        let mut child = serve.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut live = Self { dir, child, env: BTreeMap::new() };
        for line in lines {
            if line.starts_with('{') {
                let addresses: serde_json::Value = serde_json::from_str(&line).unwrap();
                live.keep("ADDR", addresses["grpc"].as_str().unwrap());
            } else if let Some((_, token)) = line.split_once("Bearer ") {
                live.keep("TOKEN", token.split('\'').next().unwrap());
                break;
            }
        }
        assert!(live.env.contains_key("TOKEN"), "it did not start: {}", live.log());
        let token = live.run(&["token", "--sandbox", "--user", "1", "--scope", "messages:read"]);
        live.keep("READ_TOKEN", &token);
        let key = live.run(&["key", "create", "--sandbox", "--user", "1"]);
        live.keep("API_KEY", &key);
        live.keep("GRPCURL", grpcurl().to_str().unwrap());
        live
    }

    /// Puts a value into the scripts' environment.
    pub(super) fn keep(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// What a command of the program prints, beside the serving one.
    fn run(&self, arguments: &[&str]) -> String {
        let done = program(self.dir.path()).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// What a script prints, and below it its exit status unless that is 0.
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
            text += &format!("exit status {code}\n");
        }
        text
    }

    /// What the server wrote to its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program(dir: &Path) -> Command {
    let mut program = Command::new(PROGRAM);
    program.env_clear().env("DATA_DIR", dir.join("data"));
    program
}

fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// The real grpcurl.
fn grpcurl() -> PathBuf {
    let given = std::env::var_os("GRPCURL").map(PathBuf::from).filter(|path| path.is_file());
    given.expect("GRPCURL does not name the real grpcurl: run scripts/test, which fetches it")
}
