//! Errors are read from a server's messages in whatever pieces they arrive, and every byte passes as it came.

use std::io::{self, IoSlice};

use futures::executor::block_on;
use messaging::postgres::{Class, Faults, SqlState, Watched};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::io::StreamReader;

/// A message as the server sends it.
fn message(name: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[name][..], &length, body].concat()
}

/// An error, or something else of the same make, with these fields.
fn fields(name: u8, fields: &[&str]) -> Vec<u8> {
    let body = fields.iter().flat_map(|field| [field.as_bytes(), b"\0"].concat()).chain([0]).collect::<Vec<_>>();
    message(name, &body)
}

/// An error as Postgres words it.
fn error(code: &str) -> Vec<u8> {
    let code = format!("C{code}");
    fields(b'E', &["SERROR", "VERROR", &code, "MCan not do that", "DKey (id)=(1) is there.", "Fnbtinsert.c", "L666"])
}

/// What the server says when somebody has logged in.
fn greeting() -> Vec<u8> {
    let parameter = message(b'S', b"application_name\0E\0\0\0\x09C40001\0");
    [message(b'R', &[0; 4]), parameter, message(b'K', &[7; 8]), message(b'Z', b"I")].concat()
}

/// Reads a stream that arrives in these pieces: what came through, and the error that was seen.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Option<SqlState>) {
    let faults = Faults::default();
    let pieces = pieces.iter().map(|piece| Ok::<_, io::Error>(io::Cursor::new(piece.to_vec())));
    let mut stream = Watched::new(StreamReader::new(futures::stream::iter(pieces)), faults.clone());
    let mut through = Vec::new();
    block_on(stream.read_to_end(&mut through)).unwrap();
    (through, faults.take())
}

/// Streams, and the error that is in each.
fn streams() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let row = message(b'D', &error("40001"));
    let cut = message(b'E', b"SERROR\0C4000");
    vec![
        ("a greeting", greeting(), None),
        ("an error", error("23505"), Some("23505")),
        ("an error after all kinds", [greeting(), row, message(b'1', b""), error("40P01")].concat(), Some("40P01")),
        ("the first of two", [error("22012"), message(b'Z', b"E"), error("25P02")].concat(), Some("22012")),
        ("a notice", fields(b'N', &["SNOTICE", "C00000", "Mnothing"]), None),
        ("a notice before an error", [fields(b'N', &["C01000"]), error("57P01")].concat(), Some("57P01")),
        ("a code that comes first", fields(b'E', &["C53300", "SFATAL"]), Some("53300")),
        ("a code that comes last", fields(b'E', &["MC40001", "WC40P01", "C55P03"]), Some("55P03")),
        ("two codes in one error", fields(b'E', &["C23503", "C23505"]), Some("23503")),
        ("no code", [fields(b'E', &["SERROR"]), error("23505")].concat(), Some("23505")),
        ("no field", [message(b'E', b"\0"), error("23505")].concat(), Some("23505")),
        ("no body", [message(b'E', b""), error("23505")].concat(), Some("23505")),
        ("an empty code", [fields(b'E', &["C"]), error("23505")].concat(), Some("23505")),
        ("four characters", [fields(b'E', &["C2350"]), error("23505")].concat(), Some("23505")),
        ("six characters", [fields(b'E', &["C423505"]), error("23505")].concat(), Some("23505")),
        ("many characters", [fields(b'E', &["C40001400014000140001"]), error("23505")].concat(), Some("23505")),
        ("small letters", [fields(b'E', &["C40p01"]), error("23505")].concat(), Some("23505")),
        ("bytes behind the last field", message(b'E', b"SERROR\0\0C40001\0\0"), None),
        ("an error without an end", [cut, error("23505")].concat(), Some("23505")),
        ("a length that cannot be", [message(b'Z', b"I"), b"Z\0\0\0\x03".to_vec(), error("23505")].concat(), None),
        ("a length below zero", [b"E\xff\xff\xff\xff".to_vec(), error("23505")].concat(), None),
        ("the least length", [b"E\x80\0\0\0".to_vec(), error("23505")].concat(), None),
        ("the words of a server that cannot fork", b"Ecould not fork new process for connection\n\0".to_vec(), None),
    ]
}

#[test]
fn an_error_is_seen_wherever_the_stream_is_cut() {
    for (name, stream, expected) in streams() {
        let expected = expected.map(|code| SqlState::parse(code.as_bytes()).unwrap());
        for at in 0..=stream.len() {
            let (before, after) = stream.split_at(at);
            assert_eq!(read(&[before, after]), (stream.clone(), expected), "{name}, cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes), (stream.clone(), expected), "{name}, byte by byte");
    }
}

#[test]
fn the_first_error_is_kept_until_it_is_taken_by_any_clone() {
    let faults = Faults::default();
    let (mut server, client) = tokio::io::duplex(1024);
    let mut client = Watched::new(client, faults.clone());
    let mut say = |code: &str| {
        let error = error(code);
        block_on(server.write_all(&error)).unwrap();
        block_on(client.read_exact(&mut vec![0; error.len()])).unwrap();
    };
    assert_eq!(faults.take(), None);

    say("23505");
    say("25P02");
    assert_eq!(faults.clone().take(), SqlState::parse(b"23505"));
    assert_eq!(faults.take(), None);

    say("40001");
    assert_eq!(faults.take(), SqlState::parse(b"40001"));
}

#[tokio::test]
async fn what_is_written_passes_and_is_no_error() {
    let faults = Faults::default();
    let (mut server, client) = tokio::io::duplex(1024);
    let mut client = Watched::new(client, faults.clone());

    client.write_all(&error("23505")).await.unwrap();
    let two = [IoSlice::new(b"one "), IoSlice::new(b"two")];
    assert_eq!(client.write_vectored(&two).await.unwrap(), 7);
    client.flush().await.unwrap();
    client.shutdown().await.unwrap();

    let mut written = Vec::new();
    server.read_to_end(&mut written).await.unwrap();
    assert_eq!(written, [error("23505"), b"one two".to_vec()].concat());
    assert_eq!(faults.take(), None);
}

proptest! {
    #[test]
    fn any_bytes_pass_unchanged_in_any_pieces(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let whole = pieces.concat();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let (through, seen) = read(&pieces);
        prop_assert_eq!((&through, seen), (&whole, read(&[&whole]).1));
    }

    #[test]
    fn among_any_messages_the_first_error_is_seen(
        messages in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 0..12),
        errors in prop::collection::vec("[0-9A-Z]{5}", 1..3),
        cuts in prop::collection::vec(1_usize..50, 1..8),
    ) {
        let others = messages.iter().filter(|(name, _)| *name != b'E').flat_map(|(name, body)| message(*name, body));
        let stream: Vec<u8> = others.chain(errors.iter().flat_map(|code| error(code))).collect();
        let mut pieces = Vec::new();
        let (mut rest, mut cuts) = (stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            pieces.push(piece);
            rest = more;
        }
        prop_assert_eq!(read(&pieces), (stream.clone(), SqlState::parse(errors[0].as_bytes())));
    }
}

#[test]
fn every_error_belongs_to_one_class() {
    let rows = [
        ("40001", Class::Race),
        ("40P01", Class::Race),
        ("55P03", Class::Race),
        ("08006", Class::Unavailable),
        ("53100", Class::Unavailable),
        ("53300", Class::Unavailable),
        ("57014", Class::Unavailable),
        ("57P01", Class::Unavailable),
        ("57P03", Class::Unavailable),
        ("58030", Class::Unavailable),
        ("25006", Class::Unavailable),
        ("25P03", Class::Unavailable),
        ("25P04", Class::Unavailable),
        // Not known to be about the rows: somebody mends it.
        ("40003", Class::Unavailable),
        ("55006", Class::Unavailable),
        ("25P02", Class::Unavailable),
        ("42P01", Class::Unavailable),
        ("42501", Class::Unavailable),
        ("28P01", Class::Unavailable),
        ("XX000", Class::Unavailable),
        // About the rows.
        ("21000", Class::Fault),
        ("22012", Class::Fault),
        ("23505", Class::Fault),
        ("40002", Class::Fault),
        ("44000", Class::Fault),
        ("54000", Class::Fault),
        ("P0001", Class::Fault),
    ];
    for (code, class) in rows {
        assert_eq!(SqlState::parse(code.as_bytes()).unwrap().class(), class, "{code}");
    }
}

#[test]
fn a_sqlstate_is_five_digits_and_capital_letters() {
    let state = SqlState::parse(b"40P01").unwrap();
    assert_eq!((state.as_str(), state.to_string()), ("40P01", "40P01".to_owned()));
    assert_eq!(format!("{state:?}"), "SqlState(40P01)");
    for none in ["", "4000", "400011", "40p01", "4000 ", "40\u{e9}1"] {
        assert_eq!(SqlState::parse(none.as_bytes()), None, "{none:?}");
    }
}
