//! One post to a webhook: how it is proven, and how it is repeated until somebody has answered it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use sha2::Sha256;
use tokio::time::sleep;

use crate::fleet::Replica;

/// The webhooks' secret (`WEBHOOK_SECRET`).
pub const SECRET: &str = "a webhook secret of this harness alone";
/// How long a post may take.
const CALL: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// How a post shows whose it is.
pub enum Proof {
    Token,
    Hmac,
    /// As standardwebhooks.com says.
    Standard,
    /// The signature of another body.
    Tampered(String),
    WrongToken,
    Nothing,
}

impl Proof {
    /// The plain HMAC of a body, in hex.
    pub fn hmac_of(body: &[u8]) -> String {
        sign(&[body]).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    }

    /// Whether it is to be taken.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Token | Self::Hmac | Self::Standard)
    }

    fn headers(&self, body: &[u8]) -> Vec<(&'static str, String)> {
        match self {
            Self::Token => vec![("x-webhook-token", SECRET.to_owned())],
            Self::Hmac => vec![("x-webhook-signature", Self::hmac_of(body))],
            Self::Standard => {
                let at = Timestamp::now().as_second().to_string();
                let signature = STANDARD.encode(sign(&[b"msg_1.", at.as_bytes(), b".", body]));
                vec![
                    ("webhook-id", "msg_1".to_owned()),
                    ("webhook-timestamp", at),
                    ("webhook-signature", format!("v1,{signature}")),
                ]
            }
            Self::Tampered(signature) => vec![("x-webhook-signature", signature.clone())],
            Self::WrongToken => vec![("x-webhook-token", "a webhook secret of somebody else's".to_owned())],
            Self::Nothing => Vec::new(),
        }
    }
}

fn sign(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// A body, and the reports in it.
pub struct Post {
    body: Vec<u8>,
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) proof: Proof,
}

impl Post {
    pub fn of_one(body: Vec<u8>, proof: Proof) -> Self {
        Self { pieces: vec![body.clone()], body, proof }
    }

    /// An array.
    pub fn of_many(pieces: Vec<Vec<u8>>) -> Self {
        Self { body: [&b"["[..], &pieces.join(&b", "[..]), b"]"].concat(), pieces, proof: Proof::Token }
    }
}

pub(super) struct Poster {
    replicas: Vec<Arc<Replica>>,
    client: reqwest::Client,
}

impl Poster {
    pub(super) fn new(replicas: Vec<Arc<Replica>>) -> Self {
        // Nothing is repeated behind the harness's back.
        let client = reqwest::Client::builder().no_proxy().http1_only().retry(reqwest::retry::never()).timeout(CALL);
        Self { replicas, client: client.build().unwrap() }
    }

    /// Posts it to one replica after the other until one of them says more than that it cannot now. Returns the status.
    pub(super) async fn deliver(&self, post: &Post, first: usize, again: &AtomicU64) -> u16 {
        let mut number = first;
        loop {
            let replica = &self.replicas[number % self.replicas.len()];
            if let Some(address) = replica.web() {
                let mut request =
                    self.client.post(format!("http://{address}/webhooks/mitto/dlr")).body(post.body.clone());
                request = request.header(CONTENT_TYPE, "application/json");
                for (name, value) in post.proof.headers(&post.body) {
                    request = request.header(name, value);
                }
                match request.send().await.map(|answer| answer.status().as_u16()) {
                    Ok(408 | 503) | Err(_) => {}
                    Ok(status) => return status,
                }
                again.fetch_add(1, Ordering::Relaxed);
            }
            number += 1;
            sleep(PAUSE).await;
        }
    }
}
