//! Numbers in the console's addresses: covered, because addresses are kept by browsers and written into the logs of proxies.

use crate::auth::Caller;
use crate::error::{Error, Resource};
use crate::service::Service;

/// The purpose of their envelopes, which nothing else has.
const PURPOSE: &str = "console-number";

impl Service {
    /// A number as an address may hold it, for this caller's user alone; the same each time.
    pub fn cover_number(&self, caller: &Caller, number: &str) -> Result<String, Error> {
        self.envelopes(PURPOSE).close(&caller.user.0.to_be_bytes(), number.as_bytes())
    }

    /// The number under a cover of this caller's user.
    pub fn uncover_number(&self, caller: &Caller, cover: &str) -> Result<String, Error> {
        let number = self.envelopes(PURPOSE).open(&caller.user.0.to_be_bytes(), cover);
        let number = number.and_then(|number| String::from_utf8(number).ok());
        number.ok_or_else(|| Error::NotFound(Resource::Message, "no such number".to_owned()))
    }
}
