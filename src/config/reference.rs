//! The declarations, printed: the page of the documentation, and the example of an environment.

use std::fmt::{self, Write as _};

use crate::config::declared::Declared;
use crate::config::fallback::Default;
use crate::config::variables::REFERENCE;

const PAGE: &str = "# Configuration

From the environment alone; an empty value counts as not set. A value that is wrong or missing ends the start with one line that
names the variable, and exit status 2. `messaging check-config` checks without starting. `required` is for serving with a real
provider: `serve --sandbox` fills in all of them, a database of its own included.

What is nobody else's to know (secret) may stand in a file: instead of `JWT_SECRET` set `JWT_SECRET_FILE` to its path.

[.env.example](../.env.example) has the same list. Both are printed by the program, from what it reads the variables by:

    messaging check-config --reference page >docs/configuration.md
    messaging check-config --reference env >.env.example
";

const EXAMPLE: &str = "\
# Every variable that the program reads, with its default. The program does not read this file by itself:
#   set -a; . ./.env; set +a
# An empty value counts as not set. Printed by: messaging check-config --reference env
";

/// Writes into a text, which cannot fail.
fn put(text: &mut String, line: fmt::Arguments<'_>) {
    let _ = text.write_fmt(line);
}

/// docs/configuration.md: a table for each concern.
#[must_use]
pub fn page() -> String {
    let mut page = PAGE.to_owned();
    for section in REFERENCE {
        put(
            &mut page,
            format_args!("\n## {}\n\n| variable | default | values | meaning |\n|---|---|---|---|\n", section.title),
        );
        for variable in section.variables {
            let default = match variable.default() {
                Default::Required => "required".to_owned(),
                Default::None | Default::System => "–".to_owned(),
                Default::Value(value) => format!("`{value}`"),
                Default::Derived(words) => words.to_owned(),
            };
            let (name, mut shape, meaning) = (variable.name(), variable.shape(), variable.meaning());
            if variable.is_secret() {
                shape.insert_str(0, "secret; ");
            }
            put(&mut page, format_args!("| `{name}` | {default} | {shape} | {meaning} |\n"));
        }
    }
    page
}

/// .env.example: what is required is to be filled in, everything else stands there as if it were not set.
#[must_use]
pub fn example() -> String {
    let mut example = EXAMPLE.to_owned();
    for section in REFERENCE {
        let variables: Vec<_> = section.variables.iter().filter(|v| v.default() != Default::System).collect();
        if !variables.is_empty() {
            put(&mut example, format_args!("\n# --- {}\n", section.title));
        }
        for variable in variables {
            let told = told(*variable);
            let line = match variable.default() {
                Default::Required => format!("{}=", variable.name()),
                Default::Value(value) => format!("# {}={value}", variable.name()),
                Default::None | Default::Derived(_) | Default::System => format!("# {}=", variable.name()),
            };
            put(&mut example, format_args!("\n# {told}\n{line}\n"));
        }
    }
    example
}

/// A variable in the example.
fn told(variable: &dyn Declared) -> String {
    let mut told = format!("{} ({})", variable.meaning(), variable.shape());
    if let Default::Derived(words) = variable.default() {
        put(&mut told, format_args!("; if it is not set: {words}"));
    }
    told
}
