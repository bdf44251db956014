//! Bugs that are planted on purpose, so that the fault harness can prove that it finds them. Without the feature
//! `planted-bugs` there are none: the answer is a constant `false`, and the compiler leaves nothing of them.

/// Whether the program is to have this bug: the one that `MESSAGING_PLANTED_BUG` names.
///
/// Read from the environment and kept for the whole process, against the rule of the project, because the places that ask
/// must not be handed anything for it: their signatures are those of the program without bugs.
#[cfg(feature = "planted-bugs")]
pub(crate) fn bug(name: &str) -> bool {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "see above; never in a normal build")]
    let planted = NAME.get_or_init(|| std::env::var("MESSAGING_PLANTED_BUG").ok());
    planted.as_deref() == Some(name)
}

/// The same, at one of twenty times that it is asked.
#[cfg(feature = "planted-bugs")]
pub(crate) fn now_and_then(name: &str) -> bool {
    static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    bug(name) && ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 20 == 19
}

/// No.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn bug(_name: &str) -> bool {
    false
}

/// No.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn now_and_then(_name: &str) -> bool {
    false
}
