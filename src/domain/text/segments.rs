//! How many segments a text takes: GSM 7-bit default alphabet with its extension table, else UCS-2
//! (3GPP TS 23.038, 6.2.1 and 6.2.3; segments with a 6-byte header by TS 23.040, 9.2.3.24.1).
//!
//! No crate does this and is kept up: the ones that exist map characters without counting segments, or have rested since
//! their first weeks. National language tables are left out, because Mitto counts by the default ones.

/// Septets in a message of one segment.
const GSM7_SINGLE: u16 = 160;
/// Septets in one segment of several.
pub(super) const GSM7_PART: u16 = 153;
/// UTF-16 code units in a message of one segment.
const UCS2_SINGLE: u16 = 70;
/// UTF-16 code units in one segment of several.
const UCS2_PART: u16 = 67;

/// The characters of the default alphabet besides ASCII.
const BEYOND_ASCII: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

/// The alphabet that carries a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7-bit default alphabet and its extension table.
    Gsm7,
    /// UCS-2, in fact UTF-16: two bytes a code unit.
    Ucs2,
}

/// The segments and the encoding that a text takes on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segmentation {
    /// The alphabet.
    pub encoding: Encoding,
    /// The segments: 1 for what fits a single message, even an empty one.
    pub segments: u16,
    /// The length in the alphabet's units: septets or UTF-16 code units, without the padding at the end of a segment.
    pub units: u32,
    /// The units that still fit the last segment.
    pub remaining: u16,
}

impl Segmentation {
    /// Counts a text's segments, in one pass for GSM-7.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut gsm7 = Packing::new(GSM7_SINGLE, GSM7_PART);
        for c in text.chars() {
            match septets(c) {
                Some(width) => gsm7.push(width),
                None => return Self::of_ucs2(text),
            }
        }
        gsm7.done(Encoding::Gsm7)
    }

    fn of_ucs2(text: &str) -> Self {
        let mut ucs2 = Packing::new(UCS2_SINGLE, UCS2_PART);
        for c in text.chars() {
            ucs2.push(if u32::from(c) > 0xFFFF { 2 } else { 1 });
        }
        ucs2.done(Encoding::Ucs2)
    }
}

/// The septets that a character takes: 1, 2 after an escape, or `None` if GSM-7 lacks it.
pub(super) fn septets(c: char) -> Option<u16> {
    match c {
        '\u{0C}' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        '\n' | '\r' | ' '..='_' | 'a'..='z' => Some(1),
        _ => BEYOND_ASCII.contains(c).then_some(1),
    }
}

/// Fills segments with characters of one or two units, none of which is ever split over two segments.
struct Packing {
    single: u16,
    in_each: u16,
    units: u32,
    full_segments: u16,
    in_last: u16,
}

impl Packing {
    fn new(single: u16, in_each: u16) -> Self {
        Self { single, in_each, units: 0, full_segments: 0, in_last: 0 }
    }

    fn push(&mut self, width: u16) {
        self.units = self.units.saturating_add(u32::from(width));
        if self.in_last + width > self.in_each {
            self.full_segments = self.full_segments.saturating_add(1);
            self.in_last = 0;
        }
        self.in_last += width;
    }

    fn done(&self, encoding: Encoding) -> Segmentation {
        // Without the header of a joined message a single segment holds a little more.
        match u16::try_from(self.units) {
            Ok(units) if units <= self.single => {
                Segmentation { encoding, segments: 1, units: self.units, remaining: self.single - units }
            }
            _ => Segmentation {
                encoding,
                segments: self.full_segments.saturating_add(1),
                units: self.units,
                remaining: self.in_each - self.in_last,
            },
        }
    }
}
