//! The task's record: what is known of it when its supervisor can no longer be asked.

use super::files::{create_owned, remove_file};
use super::held::{Held, temporary_name};
use crate::launch::spec::Access;
use crate::sys;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

/// Clients refuse a larger one.
const MAX_RECORD_BYTES: usize = 256 * 1024;

pub struct RecordFile {
    directory: Rc<Held>,
    name: String,
    access: Access,
    is_removed: bool,
    stays: bool,
}

impl RecordFile {
    pub fn new(directory: Rc<Held>, task_id: &str, access: &Access) -> Self {
        let name = format!("{}.{task_id}.json", std::process::id());
        Self { directory, name, access: access.clone(), is_removed: false, stays: false }
    }

    /// Where it is; for people.
    pub fn shown(&self) -> String {
        self.directory.shown(&self.name)
    }

    /// Replaces the record in one step: a reader gets the whole old or new one.
    pub fn write(&self, json: &str) -> io::Result<()> {
        if self.is_removed {
            return Err(io::Error::other("the task has ended and its record was removed"));
        }
        if json.len() > MAX_RECORD_BYTES {
            let words = format!("the record has {} bytes, {MAX_RECORD_BYTES} is the most", json.len());
            return Err(io::Error::other(words));
        }
        let temporary = self.directory.at(&temporary_name());
        let mut file = create_owned(&temporary, &self.access)?;
        let replaced =
            file.write_all(json.as_bytes()).and_then(|()| std::fs::rename(&temporary, self.directory.at(&self.name)));
        if replaced.is_err() {
            remove_file(&temporary);
        }
        replaced
    }

    /// Removes the record of an earlier supervisor of the task, if it is this user's.
    pub fn remove_of(&self, pid: u64, task_id: &str) {
        let path = self.directory.at(&format!("{pid}.{task_id}.json"));
        let is_own = |data: &Metadata| data.is_file() && data.uid() == sys::effective_uid();
        if pid != u64::from(std::process::id()) && std::fs::symlink_metadata(&path).is_ok_and(|data| is_own(&data)) {
            remove_file(&path);
        }
    }

    /// Removes it for good.
    pub fn remove(&mut self) {
        self.is_removed = true;
        remove_file(&self.directory.at(&self.name));
    }

    /// It is to stay when we go.
    pub fn keep(&mut self) {
        self.stays = true;
    }
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        if !self.stays {
            self.remove();
        }
    }
}
