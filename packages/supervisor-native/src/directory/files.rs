//! Files with exactly the mode and group that were asked for.

use crate::launch::spec::Access;
use crate::sys;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Creates a file, and fails if the name is taken. What is written to it is appended.
pub fn create_owned(path: &Path, access: &Access) -> io::Result<File> {
    let file = File::options().append(true).create_new(true).mode(0o600).custom_flags(sys::O_NOFOLLOW).open(path)?;
    if let Some(gid) = access.gid {
        fchown(&file, None, Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode & 0o666))?;
    Ok(file)
}

/// Removes a file that may be gone already. A directory that is gone or read-only must not keep us from going.
pub fn remove_file(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Removes a name of the file with that inode; another file may have been put in its place.
pub fn remove_if_same(path: &Path, inode: u64) {
    if std::fs::symlink_metadata(path).is_ok_and(|data| data.ino() == inode) {
        remove_file(path);
    }
}
