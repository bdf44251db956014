//! The key of the pseudonyms: numbers that were erased with it are found with it alone, so the database remembers what it
//! is known by, and a process that has another one does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;

use crate::domain::phone::Msisdn;
use crate::domain::pseudonym::Pseudonyms;
use crate::store::schema::pseudonym_key;
use crate::store::{Error, KeyProblem, Store, run};

/// The pseudonyms, if there is a key, and whether the database knows another one. Cheap to clone.
#[derive(Clone)]
pub(super) struct Keyed {
    pseudonyms: Option<Arc<Pseudonyms>>,
    refused: Arc<AtomicBool>,
}

impl Keyed {
    pub(super) fn of(key: Option<&SecretString>) -> Self {
        Self { pseudonyms: key.and_then(Pseudonyms::new).map(Arc::new), refused: Arc::default() }
    }

    /// The pseudonyms; `None` without a key.
    pub(super) fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.pseudonyms.as_deref()
    }

    /// The pseudonyms, to erase with.
    pub(super) fn required(&self) -> Result<&Pseudonyms, Error> {
        self.pseudonyms().ok_or(Error::Key(KeyProblem::None))
    }

    /// The pseudonym of this number, if it was erased; `None` without a key, and for a pseudonym.
    pub(super) fn other_form(&self, number: &str) -> Option<String> {
        let pseudonyms = self.pseudonyms()?;
        let number = Msisdn::from_stored(number.to_owned());
        (!number.is_erased()).then(|| pseudonyms.of(&number).as_str().to_owned())
    }

    /// The forms in which this number may be stored: plain, and erased.
    pub(super) fn forms(&self, number: &str) -> Vec<String> {
        std::iter::once(number.to_owned()).chain(self.other_form(number)).collect()
    }

    /// Whether this is the key that the database knows, if it knows one.
    pub(super) fn judge(&self, known: Option<&[u8]>) -> Result<(), Error> {
        let problem = match (known, &self.pseudonyms) {
            (None, _) => None,
            (Some(_), None) => Some(KeyProblem::Missing),
            (Some(known), Some(pseudonyms)) => (known != pseudonyms.check()).then_some(KeyProblem::Other),
        };
        self.refused.store(problem.is_some(), Ordering::Relaxed);
        problem.map_or(Ok(()), |problem| Err(Error::Key(problem)))
    }

    /// Whether messages may be accepted and sent: not with a key that does not find the erased opt-outs.
    pub(super) fn usable(&self) -> Result<(), Error> {
        let refused = self.refused.load(Ordering::Relaxed);
        if refused { Err(Error::Unavailable("PSEUDONYM_KEY is not the one of this database".into())) } else { Ok(()) }
    }
}

impl Store {
    /// Whether the key is the one that numbers were erased with, if any were; until it is, nothing is accepted or sent.
    pub async fn check_key(&self) -> Result<(), Error> {
        use diesel::{OptionalExtension as _, QueryDsl as _};
        use diesel_async::RunQueryDsl as _;
        let query = pseudonym_key::table.select(pseudonym_key::check_value);
        let known: Option<Vec<u8>> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        self.keyed.judge(known.as_deref())
    }
}
