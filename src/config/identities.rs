//! The values that say who somebody is: webhooks' secrets, route accounts, sender IDs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::config::values::listed;
use crate::config::variable::Values;
use crate::domain::sender::SenderId;
use crate::service::is_account;

/// Secrets of so many characters or more, separated by commas; one that begins with `whsec_` is base64 of so many bytes.
#[derive(Debug, Clone, Copy)]
pub struct Secrets(pub usize);

/// A route account's id.
#[derive(Debug, Clone, Copy)]
pub struct Account;

/// A sender ID.
#[derive(Debug, Clone, Copy)]
pub struct Sender;

impl Values for Secrets {
    type Value = Vec<SecretString>;

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

impl Values for Account {
    type Value = String;

    fn shape(&self) -> String {
        "1 to 64 letters, digits and dashes".to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        if is_account(text) {
            Ok(text.to_owned())
        } else {
            Err(format!("must be a route account's id: {}", self.shape()))
        }
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
