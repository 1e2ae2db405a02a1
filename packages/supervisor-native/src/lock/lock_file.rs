//! A lock file held by this supervisor: a kernel lock, so it ends with this process however that ends, and is never inherited by
//! the child. It excludes holders of `fcntl` and `flock` locks, and an orphan of an earlier supervisor.

use super::holder::{Family, Note, Text, find_holder, find_orphan};
use crate::child::run::Run;
use crate::process::identity::Identity;
use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::json::Json;
use crate::wire::value::Value;
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

/// A note has a few hundred bytes; a larger file is not ours and stays as it is.
const MAX_NOTE_BYTES: usize = 4_096;

/// The file may be replaced between opening and locking; this often in a row is no accident.
const MAX_ATTEMPTS: u32 = 10;

pub struct Lock {
    path: String,
    task_id: String,
    supervisor: Identity,
    file: Option<File>,
}

impl Lock {
    pub fn take(path: &str, task_id: &str, supervisor: Identity) -> Result<Self, Failure> {
        let (path, task_id) = (path.to_owned(), task_id.to_owned());
        let mut lock = Self { path, task_id, supervisor, file: None };
        lock.retake()?;
        Ok(lock)
    }

    /// Takes the lock again if it was released.
    pub fn retake(&mut self) -> Result<(), Failure> {
        if self.file.is_none() {
            self.file = Some(acquire(&self.path)?);
            self.name_child(None);
        }
        Ok(())
    }

    /// Notes for whom it is held: another supervisor must not start while this child lives, even if we are killed. None before it
    /// is started: should we be killed at that moment, it is found by the task's id.
    pub fn name_child(&self, run: Option<&Run>) {
        let Some(file) = &self.file else { return };
        let place = &self.supervisor.place;
        let child = run.map(|run| Identity::of(run.root.pid, run.root.start_time, place));
        let note = Note { task_id: self.task_id.clone(), supervisor: self.supervisor.clone(), child };
        let mut json = Json::default();
        note.write(&mut json);
        // ENOSPC: the kernel's lock holds all the same.
        let _ = replace_note(file, Some(json.text));
    }

    /// Lets a successor in. The file stays: unlinking it would let two holders lock two files of that name.
    pub fn release(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = replace_note(&file, None);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

fn acquire(path: &str) -> Result<File, Failure> {
    for _ in 0..MAX_ATTEMPTS {
        let file = open(path)?;
        let data = file.metadata().map_err(|error| unfit(path, &format!("cannot be looked at: {error}")))?;
        if !data.is_file() {
            return Err(unfit(path, "must be a regular file"));
        }
        take_both(&file, path, &data)?;
        if is_still_at(path, &data) {
            return match find_orphan(&read_note(&file)) {
                Some(orphan) => Err(held(path, Some(orphan))),
                None => Ok(file),
            };
        }
    }
    Err(held(path, None))
}

/// Closing the file releases the first lock if the second is held.
fn take_both(file: &File, path: &str, data: &Metadata) -> Result<(), Failure> {
    let ofd = sys::try_ofd_lock(file.as_fd());
    let flock = if matches!(ofd, Ok(false)) { Ok(false) } else { try_flock(file) };
    for (taken, family) in [(&ofd, Family::Fcntl), (&flock, Family::Flock)] {
        let is_held = match taken {
            Ok(taken) => !taken,
            // What cannot be taken on this file system can still be seen to be held.
            Err(_) => find_holder(&Text::Empty, data, family).is_some(),
        };
        if is_held {
            return Err(held(path, find_holder(&read_note(file), data, family)));
        }
    }
    match (ofd, flock) {
        (Err(error), Err(_)) => Err(unfit(path, &format!("cannot be locked: {error}"))),
        _ => Ok(()),
    }
}

fn try_flock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Not through a link: its owner must not choose the file that is made or written.
fn open(path: &str) -> Result<File, Failure> {
    let flags = sys::O_NONBLOCK | sys::O_NOCTTY | sys::O_NOFOLLOW;
    let file =
        File::options().read(true).write(true).create(true).truncate(false).mode(0o644).custom_flags(flags).open(path);
    file.map_err(|error| match error.raw_os_error() {
        Some(sys::EACCES | sys::EPERM | sys::EROFS) => {
            let message = format!("{path} cannot be opened as a lock file: {error}");
            Failure::new("ERR_BGTASK_PERMISSION", message).with("path", Value::text(path))
        }
        Some(sys::ELOOP) => unfit(path, "must be a regular file, not a symbolic link"),
        _ => unfit(path, &format!("cannot be opened: {error}")),
    })
}

/// The locked file may have been unlinked or replaced between opening and locking.
fn is_still_at(path: &str, data: &Metadata) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (data.dev(), data.ino()))
}

fn read_note(file: &File) -> Text {
    let mut bytes = [0; MAX_NOTE_BYTES + 1];
    match file.read_at(&mut bytes, 0) {
        Ok(count) if count <= MAX_NOTE_BYTES => {
            bytes.get(..count).and_then(|bytes| std::str::from_utf8(bytes).ok()).map_or(Text::Foreign, Text::parse)
        }
        _ => Text::Foreign,
    }
}

/// Writes only a file that was empty or ours: a lock file may have other content that is needed. One write replaces the note, so
/// that there is one at any moment.
fn replace_note(file: &File, note: Option<String>) -> io::Result<()> {
    if read_note(file) == Text::Foreign {
        return Ok(());
    }
    let Some(note) = note else { return file.set_len(0) };
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(MAX_NOTE_BYTES).min(MAX_NOTE_BYTES);
    file.write_at(format!("{note:length$}").as_bytes(), 0).map(drop)
}

fn held(path: &str, holder: Option<Value>) -> Failure {
    let message = format!("lock file {path} is held{}", holder.as_ref().map(describe).unwrap_or_default());
    let failure = Failure::new("ERR_BGTASK_LOCK_HELD", message).with("lockfile", Value::text(path));
    match holder {
        Some(holder) => failure.with("holder", holder),
        None => failure,
    }
}

/// Its pids and its kind, in the words of the Node supervisor.
fn describe(holder: &Value) -> String {
    let pid = |name, key| holder.get(key).and_then(Value::as_int).map(|pid| format!("{name} {pid}"));
    let kind = holder.get("kind").and_then(Value::as_text).map(|kind| format!("kind {kind}"));
    let facts = [pid("pid", "pid"), pid("supervisor", "supervisorPid"), pid("child", "childPid"), kind];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
}

fn unfit(path: &str, rule: &str) -> Failure {
    let got = Value::text(path);
    Failure::invalid("lockfile", Some(&got), rule)
}
