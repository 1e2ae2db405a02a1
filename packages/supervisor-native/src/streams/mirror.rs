//! Writes what comes from an output to the launcher's terminal as well, which may be slow, stop, or go.

use crate::clock::monotonic_ms;
use crate::sys::{self, PollFd};

/// Bytes that wait for the terminal; while there are more, the child waits, as it would for its own terminal.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// After this time without a write, the terminal counts as stopped, and the task continues without it.
const STALL_MS: u64 = 5_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Stalled,
    /// It has no reader any more.
    Gone,
}

pub struct Mirror {
    /// Of stdout or stderr.
    standard: i32,
    queue: Vec<u8>,
    sent: usize,
    state: State,
    skipped: u64,
    stalls_at: Option<u64>,
}

impl Mirror {
    pub fn new(standard: i32) -> Self {
        // What blocks all the same is only written when it takes something.
        let _ = sys::set_nonblocking(sys::standard(standard));
        Self { standard, queue: Vec::new(), sent: 0, state: State::Open, skipped: 0, stalls_at: None }
    }

    /// More should not come before there is room.
    pub fn is_full(&self) -> bool {
        self.state == State::Open && self.queued() >= MAX_QUEUED_BYTES
    }

    /// Everything was taken, or never will be.
    pub fn is_settled(&self) -> bool {
        self.state != State::Open || self.queued() == 0
    }

    pub fn push(&mut self, bytes: &[u8]) {
        match self.state {
            State::Gone => {}
            State::Stalled => self.skipped += bytes.len() as u64,
            State::Open if self.queue.try_reserve(bytes.len()).is_err() => self.skipped += bytes.len() as u64,
            State::Open => {
                self.queue.extend_from_slice(bytes);
                self.stalls_at = self.stalls_at.or_else(|| Some(monotonic_ms() + STALL_MS));
                self.flush();
            }
        }
    }

    pub fn poll_fd(&self) -> Option<PollFd> {
        (self.queued() > 0).then(|| PollFd::new(self.standard, false, true))
    }

    pub fn due_at(&self) -> Option<u64> {
        self.stalls_at
    }

    pub fn tick(&mut self, now: u64) {
        if self.stalls_at.take_if(|at| *at <= now).is_some() {
            self.state = State::Stalled;
        }
    }

    /// Hands over what the terminal takes.
    pub fn flush(&mut self) {
        while self.queued() > 0 {
            match sys::write(sys::standard(self.standard), self.queue.get(self.sent..).unwrap_or_default()) {
                Ok(count) => {
                    self.sent += count;
                    self.stalls_at = Some(monotonic_ms() + STALL_MS);
                }
                Err(error) if error.raw_os_error() == Some(sys::EAGAIN) => return,
                Err(error) if error.raw_os_error() == Some(sys::EINTR) => {}
                Err(_) => {
                    self.state = State::Gone;
                    self.sent = self.queue.len();
                }
            }
        }
        self.queue = Vec::new();
        (self.sent, self.stalls_at) = (0, None);
        if self.state == State::Stalled {
            self.state = State::Open;
        }
        if self.skipped > 0 && self.state == State::Open {
            let skipped = std::mem::take(&mut self.skipped);
            self.push(format!("\n[bgtask: {skipped} bytes were not shown]\n").as_bytes());
        }
    }

    fn queued(&self) -> usize {
        self.queue.len() - self.sent
    }
}
