//! Secrets that stand in files: of `NAME_FILE`, what is in the file is `NAME`'s value.

use crate::config::env::Env;
use crate::config::error::Error;
use crate::config::variables::REFERENCE;

/// The same environment with the secrets that stand in files.
pub fn from_files(mut env: Env) -> Result<Env, Error> {
    let secrets = REFERENCE.iter().flat_map(|section| section.variables).filter(|variable| variable.is_secret());
    for variable in secrets {
        let name = format!("{}_FILE", variable.name());
        let Some(path) = env.named(&name).map(str::to_owned) else { continue };
        if env.get(*variable).is_some() {
            return Err(Error::of(&name, format_args!("and {} are both set: leave one out", variable.name())));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Error::of(&name, format_args!("cannot be read: {path}: {e}; name a file that this process may read"))
        })?;
        env = env.with(*variable, text.trim());
    }
    Ok(env)
}
