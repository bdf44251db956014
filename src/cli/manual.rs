//! `messaging completions` and `messaging man`: what shells and manuals know of the commands, made from the commands themselves.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Failure;
use super::exit::Exit;

/// The program's name, as it is typed.
const PROGRAM: &str = "messaging";

/// Print a shell's completions, for example for `source <(messaging completions bash)`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(&self, mut program: clap::Command, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        // In memory first: the generator panics where its output cannot be written.
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut program, PROGRAM, &mut text);
        print(&text, out)
    }
}

/// Writes to standard output, whose reader may have seen enough, as `head` does.
pub(super) fn print(bytes: &[u8], out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::other(e)),
        _ => Ok(()),
    }
}

/// Write the manual's pages, one for each command.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Where to, for example /usr/local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Man {
    pub(super) fn run(&self, program: clap::Command) -> Result<(), Failure> {
        make_folder(&self.out)?;
        let mut program = program.disable_help_subcommand(true).after_help(None::<&'static str>);
        program.build();
        pages(&program, &self.out)
            .map_err(|e| Failure::other(format!("cannot write the pages to {}: {e}", self.out.display())))
    }
}

/// Writes the page of a command and those of its subcommands.
fn pages(command: &clap::Command, folder: &Path) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    writeln!(text, ".SH \"EXIT STATUS\"")?;
    for (exit, meaning) in Exit::ALL {
        writeln!(text, ".TP\n{}\n{meaning}", exit.status())?;
    }
    std::fs::write(folder.join(page.get_filename()), text)?;
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| pages(command, folder))
}

/// Makes a folder, and those above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::other(format!("cannot make {}: {e}", folder.display())))
}
