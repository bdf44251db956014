//! The program `messaging`: hands the arguments, the environment and the standard streams to the library.

use std::process::ExitCode;

use messaging::config::Env;
use rustix::fs::Mode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // Databases, logs and ledgers hold numbers and texts: what this process writes is its user's alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let env = Env::new(std::env::vars().collect());
    Box::pin(messaging::cli::run(std::env::args_os(), env, &mut std::io::stdout(), &mut std::io::stderr())).await
}
