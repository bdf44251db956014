//! The READMEs of the examples: blocks that show a command and, below it, what it printed.

use std::fs;
use std::path::PathBuf;

use super::folder;

/// One README and the folder that it is about.
pub(super) struct Readme {
    prefix: &'static str,
    path: PathBuf,
    text: String,
}

impl Readme {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let of = |prefix: &'static str| {
            let path = folder().join(prefix).join("README.md");
            let text = fs::read_to_string(&path).unwrap();
            Self { prefix, path, text }
        };
        ["errors/", "variants/", ""].map(of).into()
    }

    /// Whether this is where the script has its block.
    pub(super) fn is_about(&self, script: &str) -> bool {
        script.starts_with(self.prefix) && (!self.prefix.is_empty() || !script.contains('/'))
    }

    pub(super) fn name(&self) -> String {
        format!("grpcurl-examples/{}README.md", self.prefix)
    }

    /// The output in the script's block.
    pub(super) fn shows(&self, script: &str) -> Option<String> {
        let (_, output, end) = self.block(script)?;
        Some(self.text[output..end].to_owned())
    }

    /// Puts a run's output into the script's block.
    pub(super) fn put(&mut self, script: &str, arguments: &str, text: &str) {
        let Some((begin, _, end)) = self.block(script) else { return };
        let mut line = command(script);
        if !arguments.is_empty() {
            line = format!("{line} {arguments}");
        }
        if text.contains("exit status ") {
            line += "; echo \"exit status $?\"";
        }
        self.text.replace_range(begin..end, &format!("{line}\n{text}"));
    }

    pub(super) fn write(&self) {
        fs::write(&self.path, &self.text).unwrap();
    }

    /// Where the script's block has its command, its output, and its end.
    fn block(&self, script: &str) -> Option<(usize, usize, usize)> {
        let opening = format!("```console\n{}", command(script));
        let follows = |at: &usize| self.text[at + opening.len()..].starts_with([' ', ';', '\n']);
        let at = self.text.match_indices(&opening).map(|(at, _)| at).find(follows)?;
        let begin = at + "```console\n".len();
        let output = begin + self.text[begin..].find('\n')? + 1;
        let end = output + self.text[output..].find("```")?;
        Some((begin, output, end))
    }
}

fn command(script: &str) -> String {
    let here = if script.contains('/') { "" } else { "./" };
    format!("$ {here}{script}.sh")
}
