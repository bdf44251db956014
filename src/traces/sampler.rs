//! Which traces are kept, by the names that OpenTelemetry's SDKs share.

/// A rule for which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether what led to a span decides, where something did.
    pub parent_based: bool,
    /// The share of the others, 0.0 to 1.0.
    pub ratio: f64,
}

impl Sampler {
    /// Whether a span of this trace is kept. `led` says whether what led to it is.
    #[must_use]
    pub fn keeps(self, trace: u128, led: Option<bool>) -> bool {
        match led {
            Some(kept) if self.parent_based => kept,
            _ => self.picks(trace),
        }
    }

    /// By the last eight bytes of the trace's id, so that all who are told the same share keep the same traces.
    fn picks(self, trace: u128) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        let place = ((trace & u128::from(u64::MAX)) >> 1) as f64;
        place < self.ratio * 9_223_372_036_854_775_808.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sampler = Sampler { parent_based: true, ratio: 1.0 };

    #[test]
    fn whoever_led_to_a_span_decides_unless_it_is_said_otherwise() {
        assert!(ALL.keeps(7, None) && ALL.keeps(7, Some(true)) && !ALL.keeps(7, Some(false)));
        let alone = Sampler { parent_based: false, ..ALL };
        assert!(alone.keeps(7, Some(false)) && alone.keeps(u128::MAX, None));
        let none = Sampler { ratio: 0.0, ..ALL };
        assert!(none.keeps(7, Some(true)) && !none.keeps(0, None));
    }

    #[test]
    fn a_share_is_picked_by_the_end_of_the_id() {
        let half = Sampler { parent_based: false, ratio: 0.5 };
        assert!(half.keeps(u128::from(u64::MAX >> 1) - 1, None));
        assert!(!half.keeps(u128::from(u64::MAX), None));
        assert!(half.keeps(1 << 64, None), "the front of the id says nothing");
    }
}
