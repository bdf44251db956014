//! The program `messaging`: hands the arguments, the environment and the standard streams to the library.

use std::process::ExitCode;

use messaging::config::Env;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    let env = Env::new(std::env::vars().collect());
    Box::pin(messaging::cli::run(std::env::args_os(), env, &mut std::io::stdout(), &mut std::io::stderr())).await
}
