//! The sender ID and the route account of an owner's messages: what it named, if it was granted, or what is its by default.

use crate::domain::sender::SenderId;
use crate::error::Error;
use crate::service::Service;
use crate::store::User;

impl Service {
    /// The sender ID of this user's message: the one that was named, the user's own, or the configured one.
    pub(super) fn sender_of(&self, user: &User, named: Option<SenderId>) -> Result<SenderId, Error> {
        let configured = self.inner.settings.default_sender.as_ref();
        let sender = named.or_else(|| user.sender.clone()).or_else(|| configured.cloned()).ok_or_else(no_sender)?;
        if user.may_use_sender(&sender) || configured == Some(&sender) {
            Ok(sender)
        } else {
            Err(Error::NotGranted {
                reason: "SENDER_NOT_GRANTED",
                message: "This owner may not use the sender; an operator can grant it (messaging user grant)",
            })
        }
    }

    /// The route account of this user's message: the one that was named, or the configured one.
    pub(super) fn account_of(&self, user: &User, named: Option<String>) -> Result<String, Error> {
        let configured = &self.inner.settings.traffic_account_id;
        let account = named.unwrap_or_else(|| configured.clone());
        if account == *configured || user.accounts.has(&account) {
            Ok(account)
        } else {
            Err(Error::NotGranted {
                reason: "ACCOUNT_NOT_GRANTED",
                message: "This owner may not use the route account; an operator can grant it (messaging user grant)",
            })
        }
    }
}

/// The violation of a message that would have no sender.
fn no_sender() -> Error {
    Error::Precondition {
        reason: "NO_SENDER",
        message: "No valid sender configured (user or env)".to_owned(),
        metadata: Vec::new(),
    }
}
