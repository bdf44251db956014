//! The files of the checkout.

use std::fs;
use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder, in order; hidden folders and build output aside.
pub fn under(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let left_out = |path: &PathBuf| path.is_dir() && (hidden(path) || path == &root().join("target"));
    let visited = entries.into_iter().filter(|path| !left_out(path));
    visited.flat_map(|path| if path.is_dir() { under(&path) } else { vec![path] }).collect()
}

/// A file's text, by its path from the root.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}
