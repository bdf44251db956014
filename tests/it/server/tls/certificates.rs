//! Authorities, and the files that a service reads.

use std::path::PathBuf;

use messaging::server::tls::Files;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tonic::transport::{Certificate, Identity};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate for a client that trusts it.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::from_pem(&self.pem)
    }

    /// A client that it vouches for.
    pub(crate) fn client(&self) -> Identity {
        let (certificate, key) = self.client_pem();
        Identity::from_pem(certificate, key)
    }

    /// The same as text: its certificate, and its key.
    pub(crate) fn client_pem(&self) -> (String, String) {
        self.issue(ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate for `localhost`, and its key.
    pub(crate) fn server(&self) -> (String, String) {
        self.issue(ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A directory with the files of a service.
pub(crate) struct Disk {
    dir: TempDir,
    client_ca: bool,
}

impl Disk {
    /// With a server's certificate by this authority.
    pub(crate) fn of(authority: &Authority) -> Self {
        let disk = Self { dir: TempDir::new().unwrap(), client_ca: false };
        disk.issue(authority);
        disk
    }

    /// The same, for clients of this authority alone.
    pub(crate) fn with_client_ca(mut self, authority: &Authority) -> Self {
        self.client_ca = true;
        std::fs::write(self.client_ca(), &authority.pem).unwrap();
        self
    }

    /// Puts another certificate into the place of the one there is.
    pub(crate) fn issue(&self, authority: &Authority) {
        let (certificate, key) = authority.server();
        std::fs::write(self.cert(), certificate).unwrap();
        std::fs::write(self.key(), key).unwrap();
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    pub(crate) fn client_ca(&self) -> PathBuf {
        self.dir.path().join("client-ca.pem")
    }

    pub(crate) fn files(&self) -> Files {
        Files { cert: self.cert(), key: self.key(), client_ca: self.client_ca.then(|| self.client_ca()) }
    }
}
