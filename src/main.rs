//! The program `messaging`: hands the arguments, the environment and the standard streams to the library.

use std::io::Write as _;
use std::process::ExitCode;

use messaging::config::Env;
use rustix::fs::Mode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Databases, logs and ledgers hold numbers and texts: what this process writes is its user's alone.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let env = Env::of_system(std::env::vars_os());
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let run = messaging::cli::run(std::env::args_os(), env, &mut out, &mut err);
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(Box::pin(run)),
        Err(e) => {
            let _ = writeln!(
                std::io::stderr(),
                "the process cannot begin: {e}; let it open more files and threads (ulimit -n, LimitNOFILE)"
            );
            ExitCode::FAILURE
        }
    }
}
