//! Secrets that stand in files: of `NAME_FILE`, what is in the file is `NAME`'s value. Before them, whether the environment can be read at all.

use crate::config::env::Env;
use crate::config::error::Error;
use crate::config::variables::REFERENCE;

/// The same environment with the secrets that stand in files. A variable of ours whose value is no text is refused; others' are nobody's matter.
pub fn from_files(mut env: Env) -> Result<Env, Error> {
    let declared = |name: &str| REFERENCE.iter().flat_map(|section| section.variables).any(|v| v.name() == name);
    let ours = |name: &&str| declared(name) || name.strip_suffix("_FILE").is_some_and(declared);
    if let Some(name) = env.unreadable().find(ours) {
        return Err(Error::of(name, "holds bytes that are no UTF-8 and so no text: write its value anew"));
    }
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
