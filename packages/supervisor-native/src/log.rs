//! The supervisor's own words, never the child's output. Nothing that goes wrong with them may disturb the task.

use crate::directory::claim::name_taken;
use crate::directory::files::{create_owned, remove_if_same};
use crate::directory::held::{Held, temporary_name};
use crate::launch::spec::Access;
use crate::sys;
use crate::wire::failure::{Failure, cut};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

/// The log starts again when it gets larger than this.
const MAX_LOG_BYTES: u64 = 1024 * 1024;

/// So many characters of a line: as many as a terminal or pipe takes when it takes anything.
const MAX_WORDS: usize = 1_000;

pub struct Log {
    /// None in the foreground, which writes to stderr.
    file: Option<LogFile>,
    is_debugging: bool,
}

struct LogFile {
    file: File,
    directory: Rc<Held>,
    name: String,
    temporary: String,
    inode: u64,
}

impl Log {
    pub fn to_stderr() -> Self {
        Self::new(None)
    }

    /// Makes the file under a temporary name. It goes with the log.
    pub fn to_file(directory: Rc<Held>, name: &str, access: &Access) -> io::Result<Self> {
        let temporary = temporary_name();
        let file = create_owned(&directory.at(&temporary), access)?;
        let inode = file.metadata()?.ino();
        Ok(Self::new(Some(LogFile { file, directory, name: name.to_owned(), temporary, inode })))
    }

    fn new(file: Option<LogFile>) -> Self {
        Self { file, is_debugging: std::env::var_os("BGTASK_DEBUG").is_some_and(|value| !value.is_empty()) }
    }

    /// Gives it its name, once that is claimed: what has it now was left by an earlier process with our pid.
    pub fn publish(&self) -> Result<(), Failure> {
        let Some(LogFile { directory, name, temporary, .. }) = &self.file else { return Ok(()) };
        let path = directory.at(name);
        if let Ok(data) = std::fs::symlink_metadata(&path)
            && (data.uid() != sys::effective_uid() || data.is_dir())
        {
            let why = format!("it belongs to uid {}, or is a directory", data.uid());
            return Err(name_taken(directory, name, &why));
        }
        let renamed = std::fs::rename(directory.at(temporary), path);
        renamed.map_err(|error| Failure::system(&format!("cannot make {}", directory.shown(name)), &error))
    }

    pub fn file(&self) -> Option<&File> {
        self.file.as_ref().map(|log| &log.file)
    }

    pub fn remove_file(&self) {
        if let Some(LogFile { directory, name, temporary, inode, .. }) = &self.file {
            remove_if_same(&directory.at(temporary), *inode);
            remove_if_same(&directory.at(name), *inode);
        }
    }

    pub fn write(&self, words: fmt::Arguments<'_>) {
        let words = cut(&words.to_string(), MAX_WORDS);
        let line = format!("{} [{}] {words}\n", timestamp(crate::clock::unix_ms()), std::process::id());
        if let Some(file) = self.file()
            && file.metadata().is_ok_and(|data| data.len() > MAX_LOG_BYTES)
        {
            // If that fails, it continues at the old end.
            let _ = file.set_len(0);
        }
        // ENOSPC, EPIPE: it cannot be reported. A stopped terminal must not stop us.
        if is_writable(self.output()) {
            let _ = sys::write(self.output(), line.as_bytes());
        }
    }

    /// Only with `BGTASK_DEBUG` in the supervisor's environment.
    pub fn debug(&self, words: fmt::Arguments<'_>) {
        if self.is_debugging {
            self.write(words);
        }
    }

    fn output(&self) -> BorrowedFd<'_> {
        self.file().map_or_else(|| sys::standard(2), AsFd::as_fd)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.remove_file();
    }
}

fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [sys::PollFd::new(fd.as_raw_fd(), false, true)];
    sys::poll(&mut fds, 0);
    fds.iter().all(sys::PollFd::is_ready)
}

/// As `Date.toISOString`.
fn timestamp(unix_ms: i64) -> String {
    let (days, ms) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1_000)
}

/// The date of a day after 1970-01-01, in the Gregorian calendar; years that begin in March make leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn times_are_written_as_iso_8601() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_709_208_000_123), "2024-02-29T12:00:00.123Z");
        assert_eq!(timestamp(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
    }
}
