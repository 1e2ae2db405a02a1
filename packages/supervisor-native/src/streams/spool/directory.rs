//! The directory of a task's output in files.

use crate::directory::claim::name_taken;
use crate::directory::files::remove_file;
use crate::directory::held::Held;
use crate::launch::spec::Access;
use crate::sys;
use crate::wire::failure::Failure;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::PathBuf;
use std::rc::Rc;

/// Removed when it is dropped, unless it is to stay.
pub struct SpoolDirectory {
    parent: Rc<Held>,
    name: String,
    held: Held,
    inode: u64,
    is_kept: bool,
}

impl SpoolDirectory {
    pub fn make(parent: &Rc<Held>, task_id: &str, access: &Access) -> Result<Self, Failure> {
        let name = format!("{task_id}.d");
        let system = |error: &io::Error| Failure::system(&format!("cannot make {}", parent.shown(&name)), error);
        match make_private(parent, &name) {
            Err(error) if error.raw_os_error() == Some(sys::EEXIST) => {
                return Err(name_taken(parent, &name, "the output of another task is there"));
            }
            made => made.map_err(|error| system(&error))?,
        }
        match take_over(parent, &name, access) {
            Ok((held, inode)) => Ok(Self { parent: Rc::clone(parent), held, inode, is_kept: false, name }),
            Err(error) => {
                let _ = std::fs::remove_dir(parent.at(&name));
                Err(system(&error))
            }
        }
    }

    /// The path by which a file in it is reached from this process, as long as it is not dropped.
    pub fn at(&self, name: &str) -> PathBuf {
        self.held.at(name)
    }

    /// It is to stay when we go.
    pub fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for SpoolDirectory {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        for entry in std::fs::read_dir(self.held.at(".")).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_segment) {
                remove_file(&self.held.at(&entry.file_name().to_string_lossy()));
            }
        }
        // Another process may have put something else there. If a file of others is left, the directory stays.
        let path = self.parent.at(&self.name);
        if std::fs::symlink_metadata(&path).is_ok_and(|data| data.ino() == self.inode) {
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// `0.`, `1.` or `2.` and 16 decimal digits.
fn is_segment(name: &str) -> bool {
    let (stream, digits) = name.split_at_checked(2).unwrap_or_default();
    ["0.", "1.", "2."].contains(&stream) && digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// With mode 0700, also under a umask that takes rights from the owner.
fn make_private(parent: &Held, name: &str) -> io::Result<()> {
    let umask = sys::set_umask(0o077);
    let made = DirBuilder::new().mode(0o700).create(parent.at(name));
    sys::set_umask(umask);
    made
}

/// Gives it mode and group, if it is the one that was just made.
fn take_over(parent: &Held, name: &str, access: &Access) -> io::Result<(Held, u64)> {
    let held = Held::new(&parent.at(name))?;
    let directory = File::open(held.at("."))?;
    let data = directory.metadata()?;
    if data.uid() != sys::effective_uid() || data.mode() & 0o077 != 0 {
        return Err(io::Error::other("it was replaced"));
    }
    if let Some(gid) = access.gid {
        fchown(&directory, None, Some(gid))?;
    }
    // Only its owner may write to it: a name that another user puts there could stop the output.
    let readable = access.mode & 0o044;
    directory.set_permissions(Permissions::from_mode(0o700 | readable | (readable >> 2)))?;
    Ok((held, data.ino()))
}
