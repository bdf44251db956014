//! How messages are read from gRPC's bytes: as prost does, but what has more fields than anything that is asked for is refused before
//! memory is taken for them. A list of two million empty entries is four kilobytes, compressed.

use bytes::Buf as _;
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// How many fields a message may have, of which a list has one for each entry.
const MOST: usize = 1 << 17;

/// See the module. The build puts it in the place of [`ProstCodec`] in the generated code.
#[derive(Debug, Clone)]
pub struct Counted<T, U>(ProstCodec<T, U>);

impl<T, U> Default for Counted<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> Codec for Counted<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CountedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountedDecoder(self.0.decoder())
    }
}

/// Reads messages; see the module.
#[derive(Debug, Clone)]
pub struct CountedDecoder<U>(ProstDecoder<U>);

impl<U: Message + Default> Decoder for CountedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // What came of a message is in one piece.
        if is_crowded(buf.chunk()) {
            return Err(Status::resource_exhausted(format!("a message has more than {MOST} fields")));
        }
        self.0.decode(buf)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

/// Whether the message has more fields than it may; what cannot be read is for the decoder to tell.
fn is_crowded(mut bytes: &[u8]) -> bool {
    let mut fields = 0;
    while !bytes.is_empty() {
        fields += 1;
        if fields > MOST {
            return true;
        }
        let Ok((_, wire)) = decode_key(&mut bytes) else { return false };
        let length = match wire {
            WireType::Varint => decode_varint(&mut bytes).map(|_| 0),
            WireType::SixtyFourBit => Ok(8),
            WireType::LengthDelimited => decode_varint(&mut bytes),
            WireType::ThirtyTwoBit => Ok(4),
            // What is in a group counts as well.
            WireType::StartGroup | WireType::EndGroup => Ok(0),
        };
        let length = length.ok().and_then(|length| usize::try_from(length).ok());
        let Some(rest) = length.and_then(|length| bytes.get(length..)) else { return false };
        bytes = rest;
    }
    false
}
