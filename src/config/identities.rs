//! The values that say who somebody is: webhooks' secrets, route accounts, sender IDs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::auth::rules::Key;
use crate::config::values::listed;
use crate::config::variable::Values;
use crate::domain::sender::SenderId;
use crate::service::account_id;

/// Secrets of so many characters or more, separated by commas; one that begins with `whsec_` is base64 of so many bytes.
#[derive(Debug, Clone, Copy)]
pub struct Secrets(pub usize);

/// Names and secrets of so many bytes or more, `name=secret`, separated by commas.
#[derive(Debug, Clone, Copy)]
pub struct TokenKeys(pub usize);

/// A route account's id.
#[derive(Debug, Clone, Copy)]
pub struct Account;

/// A sender ID.
#[derive(Debug, Clone, Copy)]
pub struct Sender;

impl Values for Secrets {
    type Value = Vec<SecretString>;
    const SECRET: bool = true;

    fn shape(&self) -> String {
        format!("{} characters or more each, separated by commas", self.0)
    }

    fn read(&self, text: &str) -> Result<Vec<SecretString>, String> {
        let secret = |secret: &str| {
            let key = secret.strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded)).transpose();
            let key = key.map_err(|_| "must be base64 behind whsec_, or a text of another beginning".to_owned())?;
            if secret.len() < self.0 || key.is_some_and(|key| key.len() < self.0) {
                let least = self.0;
                return Err(format!(
                    "is too short: use {least} characters or more each, better 32, for example from openssl rand -hex 32"
                ));
            }
            Ok(SecretString::from(secret))
        };
        listed(text).map(secret).collect()
    }
}

impl Values for TokenKeys {
    type Value = Vec<Key>;
    const SECRET: bool = true;

    fn shape(&self) -> String {
        format!("name=secret, separated by commas; {} bytes or more each", self.0)
    }

    fn read(&self, text: &str) -> Result<Vec<Key>, String> {
        let mut keys: Vec<Key> = Vec::new();
        for entry in listed(text) {
            let (id, secret) = entry.split_once('=').unwrap_or(("", entry));
            let named = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if !named || keys.iter().any(|key| key.id.as_deref() == Some(id)) {
                return Err(
                    "must be name=secret, separated by commas, each name once and of letters, digits, -, _ and ."
                        .to_owned(),
                );
            }
            if secret.len() < self.0 {
                return Err(format!(
                    "has a secret that is too short: use {} bytes or more, for example from openssl rand -hex 32",
                    self.0
                ));
            }
            keys.push(Key { id: Some(id.to_owned()), secret: SecretString::from(secret) });
        }
        Ok(keys)
    }
}

impl Values for Account {
    type Value = String;

    fn shape(&self) -> String {
        "a UUID".to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        account_id(text).ok_or_else(|| format!("must be a route account's id, {}", self.shape()))
    }
}

impl Values for Sender {
    type Value = SenderId;

    fn shape(&self) -> String {
        "3 to 11 letters and digits, or a number in E.164".to_owned()
    }

    fn read(&self, text: &str) -> Result<SenderId, String> {
        SenderId::parse(text).map_err(|problem| problem.to_string())
    }
}
