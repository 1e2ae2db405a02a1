//! The task's record in the pool's directory: what is known of it when its supervisor can no longer be asked. And how files of
//! the directory are made and removed.

use crate::launch::spec::Access;
use crate::sys;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Nobody reads a larger one.
const MAX_RECORD_BYTES: usize = 256 * 1024;

pub struct RecordFile {
    path: PathBuf,
    temporary: PathBuf,
    access: Access,
    is_removed: bool,
    stays: bool,
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        if !self.stays {
            self.remove();
        }
    }
}

impl RecordFile {
    pub fn new(pool: &Path, task_id: &str, access: &Access) -> Self {
        let pid = std::process::id();
        let (path, temporary) = (pool.join(format!("{pid}.{task_id}.json")), pool.join(format!(".{pid}.json")));
        Self { path, temporary, access: access.clone(), is_removed: false, stays: false }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the record in one step: whoever reads it sees the old or the new one, whole.
    pub fn write(&self, json: &str) -> io::Result<()> {
        if self.is_removed {
            return Err(io::Error::other("the task is over and its record removed"));
        }
        if json.len() > MAX_RECORD_BYTES {
            let words = format!("the record has {} bytes, {MAX_RECORD_BYTES} is the most", json.len());
            return Err(io::Error::other(words));
        }
        create_owned(&self.temporary, &self.access)?.write_all(json.as_bytes())?;
        std::fs::rename(&self.temporary, &self.path)
    }

    /// Removes it for good.
    pub fn remove(&mut self) {
        self.is_removed = true;
        remove_file(&self.temporary);
        remove_file(&self.path);
    }

    /// It is to stay when we go.
    pub fn keep(&mut self) {
        self.stays = true;
    }
}

/// Creates a file with exactly the mode and group asked for, in place of one that an earlier process with our pid left.
pub fn create_owned(path: &Path, access: &Access) -> io::Result<File> {
    let file = match open_new(path) {
        Err(error) if error.raw_os_error() == Some(sys::EEXIST) => {
            std::fs::remove_file(path)?;
            open_new(path)?
        }
        result => result?,
    };
    if let Some(gid) = access.gid {
        fchown(&file, None, Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode & 0o666))?;
    Ok(file)
}

/// Its words are appended, so that a log that was cut goes on at its new end. It is never a link that somebody placed there.
fn open_new(path: &Path) -> io::Result<File> {
    File::options().append(true).create_new(true).mode(0o600).custom_flags(sys::O_NOFOLLOW).open(path)
}

/// Removes a file that may be gone already. A directory that is gone or read-only must not keep us from going.
pub fn remove_file(path: &Path) {
    let _ = std::fs::remove_file(path);
}
