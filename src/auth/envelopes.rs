//! Envelopes: what is given to somebody to bring back, and what nobody else reads, changes or makes up: the console's sessions and
//! links, and the numbers in its addresses. Under keys of their own, made from the secrets.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::signatures::Signatures;
use crate::error::Error;

/// The envelopes of one purpose, which no other opens.
pub struct Envelopes<'a> {
    signatures: &'a Signatures,
    purpose: &'static str,
}

impl<'a> Envelopes<'a> {
    /// Of this purpose.
    #[must_use]
    pub fn new(signatures: &'a Signatures, purpose: &'static str) -> Self {
        Self { signatures, purpose }
    }

    /// The content, for `whom` alone, as letters that an address and a cookie can hold. The same content makes the same envelope.
    pub fn close(&self, whom: &[u8], content: &[u8]) -> Result<String, Error> {
        let unsealed = || Error::Internal { cause: "an envelope could not be closed".to_owned() };
        // Made from what it is used for: two contents have two nonces, and AES-GCM-SIV would bear it if they had one (RFC 8452).
        let made = self.signatures.sign(self.purpose, &[b"nonce", whom, content]);
        let nonce: [u8; NONCE_LEN] = made.first_chunk().copied().ok_or_else(unsealed)?;
        let key = self.signatures.keys(self.purpose).next().and_then(|key| cipher(&key)).ok_or_else(unsealed)?;
        let mut closed = content.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(whom), &mut closed)
            .map_err(|_| unsealed())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &closed].concat()))
    }

    /// The content of what [`Envelopes::close`] made for `whom`, under any secret that counts.
    #[must_use]
    pub fn open(&self, whom: &[u8], envelope: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(envelope).ok()?;
        let (nonce, closed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.signatures.keys(self.purpose).find_map(|key| {
            let mut content = closed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let length = cipher(&key)?.open_in_place(nonce, Aad::from(whom), &mut content).ok()?.len();
            content.truncate(length);
            Some(content)
        })
    }
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM_SIV, key).ok().map(LessSafeKey::new)
}
