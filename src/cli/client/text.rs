//! Texts of unknown origin, made safe for a terminal.

/// A text of unknown origin on one line: a line break or a terminal's control sequence in it must not act.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}
