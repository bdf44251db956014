//! A disk that can be filled: a file system in memory, of a size of its own, which goes with this.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its size: several times what a new database takes.
const SIZE: &str = "size=64m";
/// Root's Postgres runs as `nobody`.
const NOBODY: u32 = 65534;

/// See the module.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Whether this user may mount one.
    pub fn is_possible() -> bool {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(folder.path());
        drop(Self(folder.path().to_path_buf()));
        mounted
    }

    /// Mounts one here.
    pub fn mount(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        assert!(mount(folder), "the disk cannot be mounted");
        let disk = Self(folder.to_path_buf());
        // The way to it, too.
        if let Some(above) = folder.parent() {
            fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(disk.path()).unwrap();
        if fs::metadata(disk.path()).unwrap().uid() == 0 {
            chown(disk.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o700)).unwrap();
        disk
    }

    /// The folder for a database.
    pub fn path(&self) -> PathBuf {
        self.0.join("database")
    }

    /// Takes what room there is. Returns how much that was.
    pub fn fill(&self) -> u64 {
        let mut filler = File::options().create(true).append(true).open(self.0.join("filler")).unwrap();
        // In pieces: the last ones are the smallest that files grow by.
        for piece in [1 << 20, 1 << 12] {
            while filler.write_all(&vec![1; piece]).is_ok() {}
        }
        filler.metadata().unwrap().len()
    }

    /// Gives it back.
    pub fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

fn mount(folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

impl Drop for SmallDisk {
    /// Also while somebody still has a file of it open.
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        let _ = umount.arg("--lazy").arg(&self.0).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
