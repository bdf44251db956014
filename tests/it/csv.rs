//! Recipients from a CSV: by whatever spreadsheets separate columns and end lines, in whatever pieces it comes.

use std::io;

use futures::stream;
use messaging::http::readers;
use proptest::prelude::*;
use tokio_util::io::StreamReader;

/// The recipients' numbers with their lines, and why the file could not be read on.
type Read = (Vec<(String, i64)>, Option<String>);

/// Reads a file that comes in pieces of this size.
async fn read(csv: &str, piece: usize) -> Read {
    let pieces: Vec<io::Result<Vec<u8>>> = csv.as_bytes().chunks(piece).map(|piece| Ok(piece.to_vec())).collect();
    let input = StreamReader::new(stream::iter(pieces.into_iter().map(|piece| piece.map(io::Cursor::new))));
    let (recipients, why) = readers::recipients(input, &["name"]).await;
    (recipients.into_iter().map(|r| (r.destination, r.line.unwrap())).collect(), why)
}

#[tokio::test]
async fn each_recipient_knows_its_line_however_lines_end() {
    let file = "number,name\n1,a\n\n\n2,\"b\nc\"\n3,d\n \n4,e";
    let lines = [("1", 2), ("2", 5), ("3", 7), (" ", 8)].map(|(number, line)| (number.to_owned(), line));
    for end in ["\n", "\r\n", "\r"] {
        for piece in [1, 2, 3, 1000] {
            let (read, why) = read(&file.replace('\n', end), piece).await;
            assert_eq!(read, lines[..3], "{end:?} in pieces of {piece}");
            let words = "line 8: has 1 columns, and the header has 2; what came before it was added";
            assert_eq!(why.as_deref(), Some(words), "{end:?} in pieces of {piece}");
        }
    }
}

#[tokio::test]
async fn a_last_line_without_an_end_has_its_number_too() {
    for file in ["number\n1\n2", "number\r\n1\r\n2", "\n\nnumber\n\n1\n2\n", "number\n1\n2\n\n\n"] {
        let ((read, why), above) = (read(file, 5).await, file.bytes().take_while(|byte| *byte == b'\n').count());
        let first = if above > 0 { 5 } else { 2 };
        assert_eq!(read, [("1".to_owned(), first), ("2".to_owned(), first + 1)], "{file:?}");
        assert_eq!(why, None);
    }
}

#[tokio::test]
async fn columns_are_separated_by_what_the_header_is() {
    for separator in [",", ";", "\t"] {
        let file = format!("\u{feff}\n\"num{separator}ber\"{separator}name\n+306900000001{separator}\"A,b;c\"\n");
        let (recipients, why) = readers::recipients(file.as_bytes(), &["name"]).await;
        assert_eq!((recipients[0].variables["name"].as_str(), why), ("A,b;c", None), "{separator:?}");
    }
    let (alone, why) = readers::recipients("number\n+306900000001\n".as_bytes(), &[]).await;
    assert_eq!((alone.len(), why), (1, None));
}

#[tokio::test]
async fn a_stray_quote_swallows_nobody() {
    for rest in ["", "\n+306900000002,Bob", "\n+306900000002,\"Bob\"\n", ",\n\n", "\",x\n3,\"y\" z", "\" Bob\n3,y\n"] {
        for piece in [2, 7, 1000] {
            let file = format!("\u{feff}\"number\",name\n1,\"A \"\"n\"\" a\"\n2,\"Anna{rest}");
            let (read, why) = read(&file, piece).await;
            assert_eq!(read[0], ("1".to_owned(), 2), "{file:?}");
            assert_eq!(read.len(), 1, "{file:?}: {read:?}");
            let why = why.unwrap_or_default();
            assert!(why.starts_with("line ") && why.ends_with("; what came before it was added"), "{file:?}: {why}");
        }
    }
    let (fine, why) = read("number,name\n1,5\" pipe\n2,\"\"\n3,\"\"\"x\"\"\"\n", 3).await;
    assert_eq!((fine.len(), why), (3, None), "a quote within a field without quotes is one");
}

#[tokio::test]
async fn a_header_is_one_and_says_each_thing_once() {
    for (header, why) in [
        ("+30 6900000701 x", "begins with a number: give the columns' names in the first line"),
        ("tel:+306900000203", "begins with a number: give the columns' names in the first line"),
        ("number,name, name", "names two columns alike in its header"),
    ] {
        let (recipients, said) = readers::recipients(format!("{header}\n1,2,3\n").as_bytes(), &["name"]).await;
        assert_eq!((recipients.len(), said.as_deref()), (0, Some(why)), "{header:?}");
    }
    let (recipients, said) = readers::recipients("\n\n".as_bytes(), &[]).await;
    let empty = "holds no header: give the columns' names in the first line";
    assert_eq!((recipients.len(), said.as_deref()), (0, Some(empty)));
    let (recipients, _) = readers::recipients("Phone,REFERENCE\n1,order-7\n".as_bytes(), &[]).await;
    assert_eq!(recipients[0].reference.as_deref(), Some("order-7"));
}

proptest! {
    #[test]
    fn the_pieces_in_which_a_file_comes_change_nothing(csv in "[0-9,\"\r\n a]{0,60}", piece in 1_usize..7) {
        let file = format!("number,name\n{csv}");
        let (whole, pieces) = futures::executor::block_on(async { (read(&file, 1000).await, read(&file, piece).await) });
        prop_assert_eq!(whole, pieces);
    }
}
