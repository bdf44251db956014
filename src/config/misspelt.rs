//! Names in the environment that look like a variable's and are none: what they were to set stays as it is by default.

use crate::config::Env;
use crate::config::variables::REFERENCE;

/// By how many letters a misspelt name differs at most.
const NEAR: usize = 2;
/// How long a name has to be: short ones are near to anything.
const LONG: usize = 6;

/// Each of them, with the name that was probably meant, in the order of the names.
#[must_use]
pub fn misspelt(env: &Env) -> Vec<(&str, &'static str)> {
    let known = || REFERENCE.iter().flat_map(|section| section.variables).map(|variable| variable.name());
    let is_known = |name: &str| known().any(|known| known == name || name.strip_suffix("_FILE") == Some(known));
    let meant = |name| {
        let (distance, meant) = known().map(|known| (strsim::osa_distance(name, known), known)).min()?;
        (distance <= NEAR).then_some((name, meant))
    };
    let mut found: Vec<_> =
        env.names().filter(|name| name.len() >= LONG && !is_known(name)).filter_map(meant).collect();
    found.sort_unstable();
    found
}
