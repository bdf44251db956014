//! Trace contexts: which trace of the caller's a call or a message belongs to, as W3C Trace Context has it.

use std::fmt;

/// The header that carries a context, in requests to us and in ours to the provider and to webhooks.
pub const HEADER: &str = "traceparent";

/// The length of a context of version 00, in characters.
const LENGTH: usize = 55;

/// A place in a trace: the trace, and the span that what follows is a child of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace: u128,
    /// The span; never 0.
    pub span: u64,
    /// Whether somebody keeps the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`: `00-{32 hexadecimal digits}-{16}-{2}`, in lower case. One of a later version may go on behind that. `None` if it cannot
    /// be used, which the standard wants passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let goes_on = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        let read = |digits: &str, length: usize| {
            let fit = digits.len() == length && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            fit.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
        };
        if parts.next().is_some() || version == "ff" || !goes_on {
            return None;
        }
        read(version, 2)?;
        let (trace, span) = (read(trace, 32)?, u64::try_from(read(span, 16)?).ok()?);
        let sampled = read(flags, 2)? & 1 == 1;
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled })
    }
}

/// As [`HEADER`] has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_is_read_and_written_as_it_came() {
        let context = TraceContext::parse(GIVEN).unwrap();
        let (trace, span) = (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7);
        assert_eq!(context, TraceContext { trace, span, sampled: true });
        assert_eq!(context.to_string(), GIVEN);
        assert!(!TraceContext::parse(&GIVEN.replace("-01", "-00")).unwrap().sampled);
    }

    #[test]
    fn a_later_version_may_go_on_and_this_one_may_not() {
        assert!(TraceContext::parse(&GIVEN.replacen("00", "cc", 1)).is_some());
        assert!(TraceContext::parse(&format!("{}-what-comes", GIVEN.replacen("00", "cc", 1))).is_some());
        assert!(TraceContext::parse(&format!("{}what-comes", GIVEN.replacen("00", "cc", 1))).is_none());
        assert!(TraceContext::parse(&format!("{GIVEN}-more")).is_none());
    }

    #[test]
    fn what_cannot_be_used_is_passed_over() {
        let none = ["", "00", "é", &"0".repeat(55), &GIVEN.to_uppercase(), &GIVEN.replacen("00", "ff", 1)];
        let zeros = [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        let odd = [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        ];
        for given in none.into_iter().chain(zeros).chain(odd) {
            assert_eq!(TraceContext::parse(given), None, "{given}");
        }
    }
}
