//! Phone numbers in E.164 (ITU-T), the only form in which one is stored or sent.

/// A phone number in E.164, `+` and 7 to 15 digits. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msisdn(String);

/// Why a text is not a phone number: a sentence that never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nothing was given.
    #[error("is required: a phone number in E.164, for example +306900000001")]
    Missing,
    /// There is no country code.
    #[error("must start with + and a country code, for example +306900000001")]
    NoCountryCode,
    /// The country code belongs to no country.
    #[error("has a country code that no country uses")]
    UnknownCountry,
    /// There are characters that no number has.
    #[error("has characters that a phone number cannot have")]
    NotANumber,
    /// The country's numbers are longer.
    #[error("is too short for a number of its country")]
    TooShort,
    /// The country's numbers are shorter.
    #[error("is too long for a number of its country")]
    TooLong,
}

impl Msisdn {
    /// Takes a number that is known to be in E.164, as the database holds it.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The number, `+` and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Msisdn(…)")
    }
}
