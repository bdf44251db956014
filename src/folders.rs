//! Folders: whether files could be made in one, found out without making any.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

/// Finds out whether files could be made in `folder`, which may have to be made itself, with those above it. Changes nothing.
///
/// # Errors
/// One that names the place that is in the way.
pub fn takes_files(folder: &Path) -> io::Result<()> {
    for place in folder.ancestors() {
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        let told = |e: &dyn std::fmt::Display| io::Error::other(format!("{}: {e}", place.display()));
        match std::fs::metadata(place) {
            Ok(found) if !found.is_dir() => return Err(told(&"is no folder")),
            Ok(_) => {
                let may = accessat(CWD, place, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
                return may.map_err(|e| told(&io::Error::from(e)));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && place.is_symlink() => {
                return Err(told(&"is a link to what is not there"));
            }
            // It would be made, in the one above it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(told(&e)),
        }
    }
    Err(io::Error::other(format!("{}: no folder above it is there", folder.display())))
}
