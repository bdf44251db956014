//! The words that the project gave up, held by the table below the glossary of ARCHITECTURE.md: they do not come back.

use crate::support::files;

/// A word that is not used, and the texts in which it may stand.
struct Unused {
    word: String,
    except: Vec<String>,
}

/// The table's heading.
const HEADING: &str = "| not used | instead | except in |";
/// From this on ARCHITECTURE.md may name what is not used.
const GLOSSARY: &str = "\n## Glossary\n";

/// The parts of a cell between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The table's words.
fn unused() -> Vec<Unused> {
    let text = files::read("ARCHITECTURE.md");
    let (_, table) = text.split_once(HEADING).expect("ARCHITECTURE.md has the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let words = cells.flat_map(|cells| {
        quoted(cells[1]).into_iter().map(move |word| Unused { word, except: quoted(cells[3]) }).collect::<Vec<_>>()
    });
    words.collect()
}

/// Every text that is held: the code, the contract, and what people read. The change log tells of the past.
fn texts() -> Vec<(String, String)> {
    const SUFFIXES: [&str; 3] = [".rs", ".proto", ".md"];
    let folders = ["src", "proto", "docs", "grpcurl-examples"].map(|folder| files::under(&files::root().join(folder)));
    let paths = folders.into_iter().flatten().map(|path| path.strip_prefix(files::root()).unwrap().to_owned());
    let paths = paths.map(|path| path.to_str().unwrap().to_owned());
    let paths = paths.filter(|path| SUFFIXES.iter().any(|suffix| path.ends_with(suffix)));
    let paths = paths.chain(["README.md", "ARCHITECTURE.md", ".env.example"].map(str::to_owned));
    let read = |path: String| {
        let text = files::read(&path);
        let held = if path == "ARCHITECTURE.md" { text.split(GLOSSARY).next().unwrap().to_owned() } else { text };
        (path, held)
    };
    paths.map(read).collect()
}

/// Whether a word may begin between these two: not inside a word, but at an underscore, and at a capital of a name such
/// as `HttpListener` unless the word is so short that it would be found in any digest.
fn splits(before: Option<char>, after: Option<char>, long: bool) -> bool {
    match (before, after) {
        (Some(before), Some(after)) if before.is_alphanumeric() && after.is_alphanumeric() => {
            long && before.is_lowercase() && after.is_uppercase()
        }
        _ => true,
    }
}

/// The first line, from 1, on which the text has the word by itself, outside of what it may stand in. A word in lower case
/// is found in either case.
fn used(text: &str, unused: &Unused) -> Option<usize> {
    let word = unused.word.as_str();
    let (any_case, long) = (!word.contains(char::is_uppercase), word.len() > 3);
    let text = unused.except.iter().fold(text.to_owned(), |text, except| text.replace(except, "·"));
    let searched = if any_case { text.to_ascii_lowercase() } else { text.clone() };
    let near = |at: usize| (text[..at].chars().next_back(), text[at..].chars().next());
    let alone = searched.match_indices(word).map(|(at, _)| at).find(|at| {
        let ((before, first), (last, after)) = (near(*at), near(at + word.len()));
        splits(before, first, long) && splits(last, after, long)
    });
    alone.map(|at| text[..at].matches('\n').count() + 1)
}

#[test]
fn a_word_that_was_given_up_does_not_come_back() {
    let (unused, texts) = (unused(), texts());
    assert!(unused.len() >= 20 && texts.len() >= 200, "{} words, {} texts", unused.len(), texts.len());
    let mut found = Vec::new();
    for (path, text) in &texts {
        found.extend(unused.iter().filter_map(|u| used(text, u).map(|line| format!("{path}:{line}: {}", u.word))));
    }
    assert!(found.is_empty(), "see the table below the glossary of ARCHITECTURE.md\n{}", found.join("\n"));
}

#[test]
fn a_word_is_found_in_names_and_sentences_and_not_inside_of_others() {
    let word = |word: &str, except: &[&str]| Unused {
        word: word.to_owned(),
        except: except.iter().map(|text| (*text).to_owned()).collect(),
    };
    let place = word("place", &["in place", "takes place"]);
    for line in
        ["the place of it", "let place = 1;", "struct Place {", "a CallPlace", "next_place()", "PLACE", "Place."]
    {
        assert_eq!(used(&format!("first\n{line}\n"), &place), Some(2), "{line}");
    }
    for line in ["a placeholder", "replaced", "placed in place", "it takes place", "workplace", "MARKETPLACE"] {
        assert_eq!(used(line, &place), None, "{line}");
    }
    assert_eq!(used("in place of a place", &place), Some(1), "what is excepted hides nothing beside it");
    let he = word("he", &[]);
    assert_eq!((used("says he, at last", &he), used("the sHeHe sheet", &he)), (Some(1), None));
    let answers = word("/// Answers", &[]);
    assert_eq!((used("    /// Answers how many.", &answers), used("/// Answersheet", &answers)), (Some(1), None));
    assert_eq!(used("/// answers, it is on the disk", &answers), None, "a line that goes on with it");
}
