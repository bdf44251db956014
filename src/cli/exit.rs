//! The exit status: one rule for every command, in the words of `--help`, of the manual's pages and of the documentation.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All of it was done: 0.
    Success,
    /// It was not done, or not all of it; the same command may work another time: 1.
    Failed,
    /// It was called in a way that cannot work: 2.
    Usage,
}

impl Exit {
    /// Each of them, with its meaning.
    pub(super) const ALL: [(Self, &'static str); 3] = [
        (Self::Success, "it was done, all of it"),
        (
            Self::Failed,
            "it was not done, or not all of it: refused, not found, not as expected, out of reach, not to be written to; the same command may work another time",
        ),
        (
            Self::Usage,
            "it cannot be done as it was asked: the arguments, the configuration, or a file that one of them names and that cannot be read",
        ),
    ];

    /// The number that the shell sees.
    pub(super) fn status(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// The rule for the end of `--help`.
pub(super) fn help() -> String {
    Exit::ALL.iter().fold("Exit status:".to_owned(), |all, (exit, meaning)| {
        let status = exit.status();
        all + &format!("\n  {status}  {meaning}")
    })
}
