//! The directory of one task: its output in files, and its spec. While it is open no other supervisor can open it.

use super::claim::name_taken;
use super::files::remove_file;
use super::held::Held;
use crate::launch::spec::{Access, Spec};
use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;
use std::rc::Rc;

const SPEC_NAME: &str = "spec";

/// Removed when it is dropped, unless it is to stay.
pub struct TaskDirectory {
    parent: Rc<Held>,
    name: String,
    held: Held,
    /// Holds the lock.
    file: File,
    is_kept: bool,
}

impl TaskDirectory {
    /// None for a task that has nothing to keep.
    pub fn open(parent: &Rc<Held>, spec: &Spec) -> Result<Option<Self>, Failure> {
        let name = format!("{}.d", spec.task_id);
        let is_there = std::fs::symlink_metadata(parent.at(&name)).is_ok();
        match &spec.resume {
            Some(_) if is_there => Self::reopen(parent, name).map(Some),
            None if spec.spool.is_none() && spec.linger_ms.is_none() => Ok(None),
            _ => Self::make(parent, name, &spec.access).map(Some),
        }
    }

    fn make(parent: &Rc<Held>, name: String, access: &Access) -> Result<Self, Failure> {
        let system = |error: &io::Error| Failure::system(&format!("cannot make {}", parent.shown(&name)), error);
        match make_private(parent, &name) {
            Err(error) if error.raw_os_error() == Some(sys::EEXIST) => {
                return Err(name_taken(parent, &name, "the output of another task is there"));
            }
            made => made.map_err(|error| system(&error))?,
        }
        let directory = Self::hold(parent, name.clone()).inspect_err(|_| {
            let _ = std::fs::remove_dir(parent.at(&name));
        })?;
        directory.take_over(access).map_err(|error| system(&error))?;
        Ok(directory)
    }

    /// That of a task which is started again. It stays if that fails.
    fn reopen(parent: &Rc<Held>, name: String) -> Result<Self, Failure> {
        let mut directory = Self::hold(parent, name)?;
        directory.is_kept = true;
        match directory.file.metadata() {
            Ok(data) if data.uid() == sys::effective_uid() => Ok(directory),
            _ => Err(name_taken(parent, &directory.name, "it belongs to another user")),
        }
    }

    fn hold(parent: &Rc<Held>, name: String) -> Result<Self, Failure> {
        let opened = Held::new(&parent.at(&name)).and_then(|held| Ok((File::open(held.at("."))?, held)));
        let system = |error: &io::Error| Failure::system(&format!("cannot open {}", parent.shown(&name)), error);
        let (file, held) = opened.map_err(|error| system(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { parent: Rc::clone(parent), name, held, file, is_kept: false }),
            Err(TryLockError::WouldBlock) => {
                let path = parent.shown(&name);
                let failure = Failure::new("ERR_BGTASK_LOCK_HELD", format!("lock file {path} is held"));
                Err(failure.with("lockfile", Value::Text(path)))
            }
            Err(TryLockError::Error(error)) => Err(system(&error)),
        }
    }

    /// The path by which a file in it is reached from this process, as long as it is not dropped.
    pub fn at(&self, name: &str) -> PathBuf {
        self.held.at(name)
    }

    /// Whether it is to stay when we go.
    pub fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// Keeps the spec, unless it is there. It holds the environment, so it is for its owner alone.
    pub fn keep_spec(&self, bytes: &[u8]) -> io::Result<()> {
        let path = self.at(SPEC_NAME);
        if std::fs::symlink_metadata(&path).is_ok() {
            return Ok(());
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(sys::O_NOFOLLOW).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)
    }

    /// Gives it mode and group, if it is the one that was just made.
    fn take_over(&self, access: &Access) -> io::Result<()> {
        let data = self.file.metadata()?;
        if data.uid() != sys::effective_uid() || data.mode() & 0o077 != 0 {
            return Err(io::Error::other("it was replaced"));
        }
        if let Some(gid) = access.gid {
            fchown(&self.file, None, Some(gid))?;
        }
        // Only its owner may write to it: a name that another user puts there could stop the output.
        let readable = access.mode & 0o044;
        self.file.set_permissions(Permissions::from_mode(0o700 | readable | (readable >> 2)))
    }
}

impl Drop for TaskDirectory {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        for entry in std::fs::read_dir(self.held.at(".")).into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str()
                && (name == SPEC_NAME || segment(name).is_some())
            {
                remove_file(&self.held.at(name));
            }
        }
        // Another process may have put something else there. If a file of others is left, the directory stays.
        let path = self.parent.at(&self.name);
        let inode = self.file.metadata().map(|data| data.ino()).ok();
        if std::fs::symlink_metadata(&path).is_ok_and(|data| Some(data.ino()) == inode) {
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// The stream of a segment and where it begins, by its name: `0.`, `1.` or `2.` and 16 decimal digits.
pub fn segment(name: &str) -> Option<(u8, u64)> {
    let (stream, digits) = name.split_once('.')?;
    let is_number = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let stream = stream.parse().ok().filter(|_| ["0", "1", "2"].contains(&stream))?;
    is_number.then(|| digits.parse().ok().map(|from| (stream, from))).flatten()
}

/// With mode 0700, also under a umask that takes rights from the owner.
fn make_private(parent: &Held, name: &str) -> io::Result<()> {
    let umask = sys::set_umask(0o077);
    let made = DirBuilder::new().mode(0o700).create(parent.at(name));
    sys::set_umask(umask);
    made
}
