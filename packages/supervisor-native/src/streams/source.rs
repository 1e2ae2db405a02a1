//! The read end of one run's stdout or stderr.

use super::offset_buffer::BLOCK_BYTES;
use crate::clock::monotonic_ms;
use crate::sys::{self, PollFd};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The most that one read brings.
pub const READ_BYTES: u64 = BLOCK_BYTES;

/// What the pipe of a child that writes a lot may hold: fewer turns between the two than with the 64 KiB of a new pipe. A quiet one
/// keeps those, since all pipes of a user together may hold 64 MiB before every new one gets a single page.
const BUSY_PIPE_BYTES: i32 = 256 * 1024;

/// How soon a read is tried again for which there was no memory.
const MEMORY_RETRY_MS: u64 = 100;

pub struct Source {
    end: OwnedFd,
    /// All writers are gone, but what they wrote has to wait for room.
    is_hung_up: bool,
    /// The pipe was given more room, or was asked to take it.
    is_wide: bool,
    /// No reads before that: there was no memory.
    retry_at: Option<u64>,
}

/// The result of one read.
pub enum Read {
    Bytes(usize),
    Nothing,
    /// All writers are gone, or the read failed with an error.
    End(Option<String>),
}

impl Source {
    pub fn new(end: OwnedFd) -> Self {
        Self { end, is_hung_up: false, is_wide: false, retry_at: None }
    }

    /// What to poll for. While it may not be read, only the end, which comes also to an output that fills its buffer exactly.
    pub fn poll_fd(&self, may_read: bool) -> Option<PollFd> {
        let is_due = self.retry_at.is_none() && (may_read || !self.is_hung_up);
        is_due.then(|| PollFd::new(self.end.as_raw_fd(), may_read, false))
    }

    /// When `tick` has something to do.
    pub fn due_at(&self) -> Option<u64> {
        self.retry_at
    }

    pub fn tick(&mut self, now: u64) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
    }

    /// There is no memory for the next read: it is made later.
    pub fn retry_later(&mut self) {
        self.retry_at = Some(monotonic_ms() + MEMORY_RETRY_MS);
    }

    /// Whether a pipe that was reported as readable or hung up, and may not be read, is empty: then it has ended.
    pub fn is_at_end(&mut self) -> bool {
        let is_empty = sys::bytes_in_pipe(self.end.as_fd()).is_ok_and(|count| count == 0);
        self.is_hung_up = !is_empty;
        is_empty
    }

    pub fn read(&mut self, room: &mut [u8]) -> Read {
        let asked = room.len();
        match sys::read(self.end.as_fd(), room) {
            Ok(0) => Read::End(None),
            Ok(count) => {
                self.is_hung_up = false;
                if count == asked && count as u64 == READ_BYTES && !self.is_wide {
                    sys::widen_pipe(self.end.as_fd(), BUSY_PIPE_BYTES);
                    self.is_wide = true;
                }
                Read::Bytes(count)
            }
            Err(error) if matches!(error.raw_os_error(), Some(sys::EAGAIN | sys::EINTR)) => Read::Nothing,
            Err(error) => Read::End(Some(format!("read: {error}"))),
        }
    }
}
