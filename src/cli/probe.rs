//! `messaging probe`: asks a process on this machine how it is, for containers that have no other program to ask with.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use crate::cli::Failure;
use crate::config::{Env, variables as var};

/// How long the process may take to answer: readiness waits four seconds for its database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask the process that serves on this machine whether it lives, at its address for probes; exit status 0 if it does
#[derive(Debug, Args)]
pub(super) struct Probe {
    /// Ask whether it could accept a send instead
    #[arg(long)]
    ready: bool,
}

impl Probe {
    pub(super) async fn run(self, env: &Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let (address, tls) = match var::ADMIN_ADDR.read(env)? {
            Some(address) => (address, false),
            None => (var::HTTP_ADDR.read(env)?, var::HTTP_TLS.read(env)?),
        };
        if address.port() == 0 {
            let any = "has port 0, which is another one each time: name a port";
            let own = var::ADMIN_ADDR.read(env)?.is_some();
            return Err(if own { var::ADMIN_ADDR.error(any) } else { var::HTTP_ADDR.error(any) }.into());
        }
        let (scheme, page) = (if tls { "https" } else { "http" }, if self.ready { "readyz" } else { "healthz" });
        let url = format!("{scheme}://{}/{page}", reached(address));
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            // The certificate names the host that callers know, and this is asked by an address of this machine's own.
            .tls_danger_accept_invalid_certs(true)
            .build()
            .map_err(Failure::other)?;
        let silent = |e: reqwest::Error| Failure::Other(format!("{url} does not answer: {e:#}", e = e.without_url()));
        let answer = client.get(&url).send().await.map_err(silent)?;
        let (status, body) = (answer.status(), answer.text().await.unwrap_or_default());
        if !status.is_success() {
            return Err(Failure::Other(format!("{url}: {status} {body}")));
        }
        writeln!(out, "{body}").map_err(Failure::other)
    }
}

/// An address at which a listener on `address` is reached from this machine.
fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
