//! One serving process per SQLite file: the lock that a second one finds taken.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use crate::store::Error;

/// Holds the file for this process; dropping it, or dying, gives it back.
#[derive(Debug)]
pub struct ServingLock {
    _file: File,
}

impl ServingLock {
    /// Takes the lock beside the SQLite file at `path`, or says who has it.
    pub(super) fn take(path: &str) -> Result<Self, Error> {
        // By the file itself: another name of it is the same database. It is made first, as a database without tables: what a symbolic link
        // names has no name of its own before. A second hard link has a journal of its own, of which SQLite knows nothing.
        let _ = File::options().create(true).append(true).open(path);
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if std::fs::metadata(&real).is_ok_and(|file| file.nlink() > 1) {
            return Err(Error::setup(format_args!(
                "{path} has another hard link: remove one, SQLite would lose what is written by the other"
            )));
        }
        let name = format!("{}.lock", real.display());
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(&name).map_err(Error::setup)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Serving { path: path.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(Error::setup(e)),
        }
        file.set_len(0).map_err(Error::setup)?;
        file.rewind().map_err(Error::setup)?;
        writeln!(file, "{}", std::process::id()).map_err(Error::setup)?;
        Ok(Self { _file: file })
    }
}
