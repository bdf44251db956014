//! Opaque tokens that a caller hands back to go on: with the next page of a list, or with a stream where it broke off.
//!
//! A token names a place, and is signed for what it belongs to. It grants nothing: whatever it says, every query is scoped by
//! owner. Signed, what it says is what this service said: nobody makes one up that is dear to read.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::signatures::Signatures;

/// A token that is not ours, or belongs to something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that this list gave out with these filters")]
pub struct Invalid;

/// How many bytes of the signature a token carries.
const SIGNATURE: usize = 16;
/// Its purpose, which nothing else that is signed has.
const PURPOSE: &str = "place";

/// The tokens of one list or stream.
#[derive(Clone)]
pub struct Seal {
    signatures: Arc<Signatures>,
    name: Arc<str>,
}

impl Seal {
    /// The tokens of what `name` describes, filters and owner included.
    #[must_use]
    pub fn new(signatures: &Arc<Signatures>, name: impl Into<Arc<str>>) -> Self {
        Self { signatures: signatures.clone(), name: name.into() }
    }

    /// A token that says `payload`.
    #[must_use]
    pub fn seal(&self, payload: &[u8]) -> String {
        let signature = self.signatures.sign(PURPOSE, &[self.name.as_bytes(), payload]);
        let mut bytes: Vec<u8> = signature.into_iter().take(SIGNATURE).collect();
        bytes.extend_from_slice(payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Seal::seal`] made, under any key that counts.
    pub fn open(&self, token: &str) -> Result<Vec<u8>, Invalid> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Invalid)?;
        let (signature, payload) = bytes.split_first_chunk::<SIGNATURE>().ok_or(Invalid)?;
        let signed = self.signatures.signed(PURPOSE, &[self.name.as_bytes(), payload], signature);
        signed.then(|| payload.to_vec()).ok_or(Invalid)
    }
}
