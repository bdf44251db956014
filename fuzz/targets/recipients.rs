//! Recipients as CSV: nothing is made up, what was read is read again, and no error quotes the file.

use messaging::http::readers;
use messaging::proto::add_recipients_request::Recipient;

use super::tells_nothing;

/// The columns that are wanted; a file may have others.
const WANTED: [&str; 2] = ["name", "amount"];

/// See the module.
pub fn check(data: &[u8]) {
    let (recipients, fault) = read(data);
    let size = |recipient: &Recipient| {
        assert!(recipient.variables.keys().all(|name| WANTED.contains(&name.as_str())), "a column nobody asked for");
        recipient.destination.len() + recipient.variables.values().map(String::len).sum::<usize>()
    };
    // A column may be named once for each variable only, so no byte of the file counts more than once.
    assert!(recipients.iter().map(size).sum::<usize>() <= data.len(), "more than there was");
    if let Some(fault) = fault {
        tells_nothing(&fault);
    } else {
        let again = read(write(&recipients).as_bytes());
        assert_eq!((without_lines(again.0), again.1), (without_lines(recipients), None), "it reads otherwise");
    }
}

fn read(data: &[u8]) -> (Vec<Recipient>, Option<String>) {
    futures::executor::block_on(readers::recipients(data, &WANTED))
}

/// What they say: another file has them on other lines.
fn without_lines(recipients: Vec<Recipient>) -> Vec<Recipient> {
    recipients.into_iter().map(|recipient| Recipient { line: None, ..recipient }).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The same recipients as another file.
fn write(recipients: &[Recipient]) -> String {
    let first = recipients.first();
    let names: Vec<_> = WANTED.iter().filter(|name| first.is_some_and(|r| r.variables.contains_key(**name))).collect();
    let mut file = "destination".to_owned();
    for name in &names {
        file.extend([",", name]);
    }
    for recipient in recipients {
        file.push('\n');
        file.push_str(&quoted(&recipient.destination));
        for name in &names {
            let value = recipient.variables.get(**name).map_or("", String::as_str);
            file.extend([",", &quoted(value)]);
        }
    }
    file
}
