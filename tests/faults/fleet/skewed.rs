//! A wall clock that the harness sets, for processes that are told to: `skewed.c`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the replicas' system clock shows.
pub struct Skewed {
    library: PathBuf,
    file: PathBuf,
}

impl Skewed {
    /// Makes it, and sees that it works.
    pub fn make(directory: &Path) -> Self {
        let (source, library, file) =
            (directory.join("skewed.c"), directory.join("skewed.so"), directory.join("skewed-by"));
        std::fs::write(&source, include_str!("skewed.c")).unwrap();
        let done = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).status();
        assert!(done.expect("there is a C compiler").success(), "skewed.c does not compile");
        let clock = Self { library, file };
        clock.step(1_000_000);
        let (shown, real) = (clock.shown(), std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
        assert!(shown.abs_diff(real) > 900_000, "the clock cannot be set here");
        clock.step(0);
        clock
    }

    /// What a process has to be told.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.library.display().to_string()), ("FAULTS_CLOCK", self.file.display().to_string())]
    }

    /// Sets it off by so many seconds.
    pub fn step(&self, seconds: i64) {
        // Not written in place: there is no moment in which it is empty.
        let new = self.file.with_extension("new");
        std::fs::write(&new, seconds.to_string()).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// The time that a process sees, in seconds.
    fn shown(&self) -> u64 {
        let shown = Command::new("date").arg("+%s").envs(self.environment()).output().unwrap();
        String::from_utf8(shown.stdout).unwrap().trim().parse().unwrap()
    }
}
