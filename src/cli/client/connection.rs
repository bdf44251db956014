//! Where the service is, how to reach it, and who asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tonic::codegen::CompressionEncoding;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use super::failure::Failure;
use super::found::{self, Explaining};
use secrecy::ExposeSecret as _;

use crate::config::{Env, variables as var};
use crate::proto::campaign_service_client::CampaignServiceClient;
use crate::proto::inbound_service_client::InboundServiceClient;
use crate::proto::messaging_service_client::MessagingServiceClient;
use crate::proto::webhook_service_client::WebhookServiceClient;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the service may take to begin its answer: more than it waits for the provider.
const ANSWER: Duration = Duration::from_mins(1);

/// How often a silent connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Where the service is and who asks. It holds credentials, so it has no `Debug`.
#[derive(clap::Args)]
pub struct Connection {
    /// The service's address, as http://…, https://… or HOST:PORT
    ///
    /// Without a scheme this machine is asked in plain text and any other over TLS. Else `MESSAGING_ADDR`, else
    /// 127.0.0.1:50051.
    #[arg(long, value_name = "ADDR")]
    pub addr: Option<String>,
    /// A token, as `messaging token` prints it; else `MESSAGING_TOKEN`
    #[arg(long, conflicts_with = "api_key")]
    pub token: Option<String>,
    /// An API key, as `messaging key create` prints it; else `MESSAGING_API_KEY`
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Connect over TLS and trust this authority alone (PEM); without it https:// trusts the system's authorities
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The certificate to show to the service (PEM)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Print one JSON object a line: the API's messages in proto3 JSON
    #[arg(long)]
    pub json: bool,
}

/// A connection that knows who asks.
pub(super) type Authenticated = InterceptedService<Explaining, Credentials>;

/// The client for messages.
pub(super) type Messages = MessagingServiceClient<Authenticated>;

/// The client for campaigns.
pub(super) type Campaigns = CampaignServiceClient<Authenticated>;

/// The client for messages from recipients.
pub(super) type Inbound = InboundServiceClient<Authenticated>;

/// The client for webhook endpoints.
pub(super) type Hooks = WebhookServiceClient<Authenticated>;

/// An open connection.
#[derive(Clone)]
pub(super) struct Session(Authenticated);

impl Session {
    /// The connection itself, for a client that is made elsewhere.
    pub(super) fn channel(self) -> Authenticated {
        self.0
    }

    pub(super) fn messages(self) -> Messages {
        MessagingServiceClient::new(self.0).accept_compressed(CompressionEncoding::Gzip)
    }

    pub(super) fn inbound(self) -> Inbound {
        InboundServiceClient::new(self.0).accept_compressed(CompressionEncoding::Gzip)
    }

    pub(super) fn hooks(self) -> Hooks {
        WebhookServiceClient::new(self.0).accept_compressed(CompressionEncoding::Gzip)
    }

    pub(super) fn campaigns(self) -> Campaigns {
        CampaignServiceClient::new(self.0).accept_compressed(CompressionEncoding::Gzip)
    }
}

impl Connection {
    /// Connects. What is not on the command line is looked up in the environment.
    pub(super) async fn open(&self, env: &Env) -> Result<Session, Failure> {
        let credentials = self.credentials(env)?;
        let uri = self.uri(env)?;
        let channel = match self.endpoint(uri.clone())?.connect().await {
            Ok(channel) => channel,
            Err(e) => {
                let cause = found::instead(&uri).await.unwrap_or_else(|| root_cause(&e));
                return Err(Failure::Unreachable { addr: uri.to_string(), cause });
            }
        };
        Ok(Session(InterceptedService::new(Explaining::new(channel, uri), credentials)))
    }

    fn uri(&self, env: &Env) -> Result<Uri, Failure> {
        // Its default has no scheme, so that `--ca` alone asks this machine over TLS.
        let given = if let Some(given) = &self.addr { given.clone() } else { var::MESSAGING_ADDR.read(env)? };
        let unusable = || Failure::Usage(format!("{given} is not an address: give http://…, https://… or HOST:PORT"));
        let wants_tls = self.ca.is_some() || self.client_cert.is_some();
        let uri: Uri = if given.contains("://") {
            given.parse().map_err(|_| unusable())?
        } else {
            let bare: Uri = format!("https://{given}").parse().map_err(|_| unusable())?;
            // Credentials and texts do not leave this machine in the clear unless the caller wrote http:// explicitly.
            let near = bare.host().is_some_and(is_loopback) && !wants_tls;
            if near { format!("http://{given}").parse().map_err(|_| unusable())? } else { bare }
        };
        match uri.scheme_str() {
            _ if uri.host().is_none_or(str::is_empty) => Err(unusable()),
            Some("http") if wants_tls => {
                Err(Failure::Usage("--ca and --client-cert need an address with https://".to_owned()))
            }
            Some("http" | "https") => Ok(uri),
            _ => Err(unusable()),
        }
    }

    fn endpoint(&self, uri: Uri) -> Result<Endpoint, Failure> {
        let tls = uri.scheme_str() == Some("https");
        let endpoint = Endpoint::from(uri)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .tcp_nodelay(true);
        if !tls {
            return Ok(endpoint);
        }
        let mut config = match &self.ca {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(file) => {
                let pem = read("--ca", file)?;
                // tonic leaves out what it cannot read, and the failure would then look like a stranger's certificate.
                if !matches!(CertificateDer::pem_slice_iter(&pem).next(), Some(Ok(_))) {
                    return Err(Failure::Usage(format!("--ca: {} holds no PEM certificate", file.display())));
                }
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        if let (Some(cert), Some(key)) = (&self.client_cert, &self.client_key) {
            config = config.identity(Identity::from_pem(read("--client-cert", cert)?, read("--client-key", key)?));
        }
        endpoint.tls_config(config).map_err(|e| {
            let cause = root_cause(&e);
            Failure::Usage(format!("the certificates cannot be used: {cause}"))
        })
    }

    /// The command line goes before the environment, and a token before an API key.
    fn credentials(&self, env: &Env) -> Result<Credentials, Failure> {
        let token = |token: String| ("authorization", format!("Bearer {token}"));
        let key = |key: String| ("x-api-key", key);
        let (name, value) = match (&self.token, &self.api_key) {
            (Some(given), _) => token(given.clone()),
            (None, Some(given)) => key(given.clone()),
            (None, None) => match (var::MESSAGING_TOKEN.read(env)?, var::MESSAGING_API_KEY.read(env)?) {
                (Some(found), _) => token(found.expose_secret().to_owned()),
                (None, Some(found)) => key(found.expose_secret().to_owned()),
                // The service says what is missing, and its health needs none.
                (None, None) => return Ok(Credentials(None)),
            },
        };
        let mut value: AsciiMetadataValue = value
            .parse()
            .map_err(|_| Failure::Usage("the token or API key holds characters that none of them has".to_owned()))?;
        value.set_sensitive(true);
        Ok(Credentials(Some((name, value))))
    }
}

/// Puts the credentials into every call.
#[derive(Clone)]
pub(super) struct Credentials(Option<(&'static str, AsciiMetadataValue)>);

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some((name, value)) = &self.0 {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn read(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::Usage(format!("{option}: cannot read {}: {e}", file.display())))
}

/// The innermost words of an error: tonic's own are "transport error".
fn root_cause(e: &dyn std::error::Error) -> String {
    let mut cause = e;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
