//! Where in a stream of length-prefixed messages we are.

/// Before each message: whether it is compressed, and its length in four bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// The bytes that one byte of a gzip stream may become (RFC 1951: a match of 258 bytes takes two bits at least).
const INFLATED: usize = 1032;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// The bytes of a prefix that have come so far.
    prefix: Vec<u8>,
    /// How many bytes of the message are still to come.
    missing: usize,
    /// How many have come.
    held: usize,
    /// Whether they are compressed.
    compressed: bool,
}

impl Framing {
    /// Follows some bytes. An error says that a message is announced that is larger than `largest`.
    pub(super) fn follow(&mut self, mut bytes: &[u8], largest: usize) -> Result<(), ()> {
        while !bytes.is_empty() {
            if self.missing == 0 {
                let (more, rest) = bytes.split_at(bytes.len().min(PREFIX - self.prefix.len()));
                self.prefix.extend_from_slice(more);
                bytes = rest;
                let Ok([flag, length @ ..]) = <[u8; PREFIX]>::try_from(self.prefix.as_slice()) else { continue };
                self.prefix.clear();
                self.compressed = flag != 0;
                self.held = 0;
                self.missing = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if self.missing > largest {
                    return Err(());
                }
            } else {
                let n = bytes.len().min(self.missing);
                bytes = bytes.get(n..).unwrap_or_default();
                self.missing -= n;
                self.held += n;
            }
        }
        Ok(())
    }

    /// Whether the next byte is a message's first.
    pub(super) fn is_between(&self) -> bool {
        self.missing == 0 && self.prefix.is_empty()
    }

    /// How many bytes of the message have come; of a compressed one, how many they may become, `largest` at most.
    pub(super) fn held(&self, largest: usize) -> usize {
        if self.compressed { self.held.saturating_mul(INFLATED).min(largest) } else { self.held }
    }
}
