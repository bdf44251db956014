//! From PEM files to a server's configuration, with an error that tells the operator which file to mend, and how.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// `GRPC_TLS_CERT`: the server's certificate chain in PEM, its own certificate first.
    pub cert: PathBuf,
    /// `GRPC_TLS_KEY`: the private key of that certificate in PEM, not encrypted.
    pub key: PathBuf,
    /// `GRPC_TLS_CLIENT_CA`: certificates of the authorities whose clients may connect, in PEM.
    /// With it, every client has to show a certificate.
    pub client_ca: Option<PathBuf>,
}

/// The variable whose file is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `GRPC_TLS_CERT`.
    Cert,
    /// `GRPC_TLS_KEY`.
    Key,
    /// `GRPC_TLS_CLIENT_CA`.
    ClientCa,
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cert => "GRPC_TLS_CERT",
            Self::Key => "GRPC_TLS_KEY",
            Self::ClientCa => "GRPC_TLS_CLIENT_CA",
        })
    }
}

/// Why a file cannot be used; one line that names the variable, the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {}: {fault}", file.display())]
pub struct Error {
    /// Whose file it is.
    pub variable: Variable,
    /// The file.
    pub file: PathBuf,
    /// The fault.
    pub fault: Fault,
}

/// The faults of a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not there, or not for this process.
    #[error("cannot be read ({0}); name a file that exists and that this process may read")]
    Unreadable(std::io::Error),
    /// Its PEM is damaged, or it holds something else than it says.
    #[error("is damaged ({0}); export it again as PEM")]
    Damaged(String),
    /// There is no certificate in it.
    #[error("holds no certificate; it needs PEM with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// There is no private key in it.
    #[error("holds no private key; it needs PEM with `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// The private key is encrypted, and nobody is there to type its password.
    #[error("holds an encrypted key; decrypt it with `openssl pkey -in FILE -out FILE`")]
    Encrypted,
    /// It is a key of a kind that cannot be used.
    #[error(
        "holds a key that cannot be used ({0}); use an ECDSA (P-256, P-384), Ed25519 or RSA (2,048 bits or more) key"
    )]
    UnusableKey(String),
    /// The key is another certificate's.
    #[error(
        "holds a key that does not belong to the first certificate in GRPC_TLS_CERT; use the pair that was issued together, the server's own certificate first"
    )]
    Mismatch,
}

impl Files {
    /// Reads all of them into a configuration: aws-lc-rs, TLS 1.2 and 1.3, HTTP/2 alone.
    pub(super) fn read(&self) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let at_cert = |fault| Error { variable: Variable::Cert, file: self.cert.clone(), fault };
        let at_key = |fault| Error { variable: Variable::Key, file: self.key.clone(), fault };

        let chain = certificates(&self.cert).map_err(at_cert)?;
        let key = private_key(&self.key).map_err(at_key)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|e| at_key(Fault::UnusableKey(e.to_string())))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = authorities(file, provider).map_err(|fault| Error {
                    variable: Variable::ClientCa,
                    file: file.clone(),
                    fault,
                })?;
                builder.with_client_cert_verifier(roots)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => at_key(Fault::Mismatch),
            rustls::Error::InvalidCertificate(_) => at_cert(Fault::Damaged(e.to_string())),
            _ => at_key(Fault::UnusableKey(e.to_string())),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The certificates in a file, at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = std::fs::read(file).map_err(Fault::Unreadable)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|e| damaged(&e))?;
    if found.is_empty() { Err(Fault::NoCertificate) } else { Ok(found) }
}

/// The first private key in a file.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let text = std::fs::read(file).map_err(Fault::Unreadable)?;
    // PKCS #8 says it in the label, the older formats in a header line (RFC 1421). Told from "no key" because the
    // remedy is another one.
    let holds = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    if holds(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(b"Proc-Type: 4,ENCRYPTED") {
        return Err(Fault::Encrypted);
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(Fault::NoKey),
        Err(e) => Err(damaged(&e)),
    }
}

/// The verifier of the clients' certificates.
fn authorities(
    file: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Fault> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        // Strict, unlike `add_parsable_certificates`: an authority left out would lock its clients out without a word.
        roots.add(authority).map_err(|e| Fault::Damaged(e.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|e| Fault::Damaged(e.to_string()))
}

/// The fault of the PEM, without the bytes that some of the library's errors carry: they may be a key's.
fn damaged(e: &pem::Error) -> Fault {
    Fault::Damaged(
        match e {
            pem::Error::MissingSectionEnd { .. } => "an END line is missing",
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is broken",
            pem::Error::Base64Decode(_) => "its base64 is broken",
            _ => "it is not PEM",
        }
        .to_owned(),
    )
}
