//! A directory as it was when it was opened. A user who may write to its parent can put another one at its path later; nothing is
//! written to that one, or removed from it.

use crate::sys;
use std::ffi::CString;
use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub struct Held {
    /// Where it was; for people.
    path: PathBuf,
    /// Prefix of its files' paths: a name of its descriptor, or its path without `/proc`.
    base: PathBuf,
    /// Keeps the descriptor open.
    directory: File,
}

impl Held {
    /// Fails for a symbolic link too.
    pub fn new(path: &Path) -> io::Result<Self> {
        let directory = File::from(sys::hold(&CString::new(path.as_os_str().as_bytes())?)?);
        if !directory.metadata()?.is_dir() {
            return Err(io::Error::from_raw_os_error(sys::ENOTDIR));
        }
        let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        let base = if by_descriptor.exists() { by_descriptor } else { path.to_owned() };
        Ok(Self { path: path.to_owned(), base, directory })
    }

    /// The path by which a file in it is reached from this process.
    pub fn at(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The path that people know.
    pub fn shown(&self, name: &str) -> String {
        self.path.join(name).to_string_lossy().into_owned()
    }

    /// Makes a directory in it that only this user can enter, for files whose mode and group can only be set by name.
    pub fn make_private(&self) -> io::Result<(String, Self)> {
        let name = temporary_name();
        let umask = sys::set_umask(0o077);
        let made = DirBuilder::new().mode(0o700).create(self.at(&name));
        sys::set_umask(umask);
        made?;
        let held = Self::new(&self.at(&name))?;
        let data = held.directory.metadata()?;
        if data.uid() == sys::effective_uid() && data.mode() & 0o077 == 0 {
            return Ok((name, held));
        }
        Err(io::Error::other(format!("{} was replaced", self.shown(&name))))
    }
}

/// For a temporary name: six random letters and digits. A user who could foresee them could take the name first.
pub fn temporary_name() -> String {
    let number = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let digits = (0..6).map(|place| (number / 36_u64.pow(place) % 36) as u32);
    let random: String = digits.filter_map(|digit| char::from_digit(digit, 36)).collect();
    format!(".{}.{random}", std::process::id())
}
