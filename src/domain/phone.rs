//! Phone numbers in E.164 (ITU-T), the only form in which one is stored or sent.

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, ValidationError};

/// The fewest digits of a number, country code included. Shorter ones are short codes, which belong to one network.
const MIN_DIGITS: usize = 7;
/// The most digits of a number, country code included (ITU-T E.164, 6.2.1).
const MAX_DIGITS: usize = 15;
/// The most digits that can still become a number: `00` and a trunk prefix such as `(0)` may go.
const MAX_DIALLED: usize = MAX_DIGITS + 6;

/// A phone number in E.164, `+` and 7 to 15 digits, or what stands for one that was erased
/// ([`crate::domain::pseudonym`]). Its `Debug` hides it.
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
    /// A spreadsheet shortened it.
    #[error(
        "is a number as spreadsheets shorten it, such as 3.069E+11: its last digits are lost; format the column as text and export it again"
    )]
    Shortened,
    /// There are characters that no number has.
    #[error("has characters that a phone number cannot have")]
    NotANumber,
    /// The country's numbers are longer.
    #[error("is too short for a number of its country")]
    TooShort,
    /// The country's numbers are shorter.
    #[error("is too long for a number of its country")]
    TooLong,
    /// The country has shorter numbers and longer ones, but none of this length.
    #[error("has a length that no number of its country has")]
    WrongLength,
}

impl Msisdn {
    /// The prefix of every pseudonym of an erased number, and of no number.
    pub const ERASED: char = '~';

    /// Reads a number as people write it and brings it to E.164.
    ///
    /// Spaces, dots, dashes, slashes and brackets go, a leading `00` is a `+`, digits of other scripts become ASCII, and
    /// a trunk prefix after the country code goes where the country has one (`+44 (0)20…`, but not `+39 06…`).
    /// Letters, extensions and anything else are refused rather than guessed at.
    ///
    /// The number must be *possible*: a country code in use and a length that the country has. Whether the range is
    /// assigned is not asked, because the table of ranges lags behind the numbering plans and would refuse numbers that
    /// work; the provider knows better.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let dialled = dialled(text)?;
        let number = canonical(&dialled)?;
        // A trunk prefix may go once. If what is left would lose digits again, nobody can say which number was meant.
        if number != dialled && canonical(&number)? != number {
            return Err(Invalid::NotANumber);
        }
        Ok(Self(number))
    }

    /// Takes what the database holds: a number that is known to be in E.164, or the pseudonym of one that was erased.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The number with its middle hidden, for people who have to recognise it: `+30690…01`.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail = self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default();
        format!("{}…{tail}", self.0.get(..4).unwrap_or_default())
    }

    /// The country that the number belongs to, as ISO 3166-1 names it, for example `GR`. Where countries share a code and the
    /// number's range is nobody's, the first of them. `None` of a network without a country, and of a pseudonym.
    #[must_use]
    pub fn country(&self) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(&self.0, None).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&number);
        let region = region.or_else(|| PHONE_NUMBER_UTIL.get_region_for_country_code(number.country_code))?;
        let name = region.as_region_str();
        name.bytes().all(|b| b.is_ascii_uppercase()).then(|| name.as_str().to_owned())
    }

    /// Whether ISO 3166-1 has a country of this name that has phone numbers: `GR`.
    #[must_use]
    pub fn is_country(name: &str) -> bool {
        PHONE_NUMBER_UTIL.get_supported_regions().any(|region| region.as_region_str().as_str() == name)
    }

    /// Whether this is a pseudonym: the number itself is not there any more.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.0.starts_with(Self::ERASED)
    }

    /// The number, `+` and digits; `~` and hexadecimal digits of one that was erased.
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

/// Whether a text is a number in a spreadsheet's scientific form, `3.069E+11` or `3,069E+11`.
fn is_shortened(text: &str) -> bool {
    let Some((number, power)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let fraction = number.split_once(['.', ',']).map_or_else(|| digits(number), |(a, b)| digits(a) && digits(b));
    fraction && power.strip_prefix('+').is_some_and(digits)
}

/// The dialled part once the decoration is gone: `+` and digits.
fn dialled(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::Missing);
    }
    if is_shortened(text) {
        return Err(Invalid::Shortened);
    }
    let mut plus = false;
    let mut digits = String::with_capacity(MAX_DIALLED + 1);
    for c in text.chars() {
        if let Some(digit) = ascii_digit(c) {
            if digits.len() == MAX_DIALLED {
                return Err(Invalid::TooLong);
            }
            digits.push(digit);
        } else if matches!(c, '+' | '\u{FF0B}') && !plus && digits.is_empty() {
            plus = true;
        } else if !is_decoration(c) {
            return Err(Invalid::NotANumber);
        }
    }
    if digits.is_empty() {
        return Err(Invalid::NotANumber);
    }
    match digits.strip_prefix("00") {
        _ if plus => digits.insert(0, '+'),
        Some(international) => digits = format!("+{international}"),
        None => return Err(Invalid::NoCountryCode),
    }
    Ok(digits)
}

/// The E.164 form of `+` and digits.
fn canonical(dialled: &str) -> Result<String, Invalid> {
    // The library's table is built once and never changes after that; it is shared by all threads.
    let number = PHONE_NUMBER_UTIL.parse(dialled, None).map_err(|e| match e {
        ParseError::InvalidCountryCode => Invalid::UnknownCountry,
        ParseError::NotANumber(_) => unreadable(dialled),
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Invalid::TooShort,
        ParseError::TooLongNsn => Invalid::TooLong,
    })?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
        Ok(NumberLengthType::IsPossible) => {}
        // Dialled within a town only: nobody abroad can reach it.
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => return Err(Invalid::TooShort),
        Err(ValidationError::TooLong) => return Err(Invalid::TooLong),
        Err(ValidationError::InvalidLength) => return Err(Invalid::WrongLength),
        Err(ValidationError::InvalidCountryCode) => return Err(Invalid::UnknownCountry),
    }
    let e164 = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
    match e164.len() - 1 {
        ..MIN_DIGITS => Err(Invalid::TooShort),
        MIN_DIGITS..=MAX_DIGITS => Ok(e164),
        _ => Err(Invalid::TooLong),
    }
}

/// The library calls too few or too many digits "not a number", too; there are nothing but digits left here.
fn unreadable(dialled: &str) -> Invalid {
    if dialled.len() <= MIN_DIGITS { Invalid::TooShort } else { Invalid::TooLong }
}

/// The ASCII digit for a digit as keyboards of East Asia, of Arabic and of Persian give it.
fn ascii_digit(c: char) -> Option<char> {
    let value = match c {
        '0'..='9' => return Some(c),
        '\u{FF10}'..='\u{FF19}' => u32::from(c) - 0xFF10,
        '\u{0660}'..='\u{0669}' => u32::from(c) - 0x0660,
        '\u{06F0}'..='\u{06F9}' => u32::from(c) - 0x06F0,
        _ => return None,
    };
    char::from_digit(value, 10)
}

/// The signs that people put between digits, and the invisible marks that address books put around a number.
fn is_decoration(c: char) -> bool {
    let dash = matches!(c, '-' | '\u{00AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}');
    let invisible = matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    let mark = matches!(c, '.' | '/' | '(' | ')' | '[' | ']' | '\u{FF08}' | '\u{FF09}' | '\u{FF0E}');
    // Line breaks are white space, too, but they divide one number from the next.
    let space =
        c.is_whitespace() && !matches!(c, '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    dash || invisible || mark || space
}
