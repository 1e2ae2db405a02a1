//! The child's stdin: what clients write is queued in bounded space, in the order of acceptance, and handed to the pipe of the
//! present run. What a run left unread is dropped with it.

use crate::sys::{self, PollFd};
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::cell::Cell;
use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

/// Bytes taken from clients that the pipe has not taken yet; above that writers wait. One write may exceed it once.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;

/// Bytes of all writes that wait for room; above that a write is refused, since each of 1,000 clients may wait with 64 writes.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub struct Input {
    waiting: Rc<Cell<usize>>,
    sink: Option<OwnedFd>,
    is_closing: bool,
    queue: VecDeque<Vec<u8>>,
    queued: usize,
    /// Bytes of the first of the queue that the pipe has taken.
    taken: usize,
    accepted: u64,
    written: u64,
    discarded: u64,
    error: Option<String>,
}

/// What became of a write.
pub enum Written {
    /// The offset behind it.
    Accepted(u64),
    /// The queue is full: to be tried again with the same bytes.
    Full(Vec<u8>),
    Closed(Failure),
}

/// The bytes of a write that waits. They count until it is tried again, or dropped with its client.
pub struct WaitingWrite {
    data: Vec<u8>,
    all: Rc<Cell<usize>>,
}

impl WaitingWrite {
    pub fn take(mut self) -> Vec<u8> {
        self.uncount();
        std::mem::take(&mut self.data)
    }

    fn uncount(&self) {
        self.all.set(self.all.get() - self.data.len());
    }
}

impl Drop for WaitingWrite {
    fn drop(&mut self) {
        self.uncount();
    }
}

impl Input {
    pub fn accepted_offset(&self) -> u64 {
        self.accepted
    }

    pub fn written_offset(&self) -> u64 {
        self.written
    }

    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    pub fn is_closed(&self) -> bool {
        self.sink.is_none() || self.is_closing
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Starts a run with the write end of its pipe, or without stdin.
    pub fn attach(&mut self, end: Option<OwnedFd>) {
        self.detach();
        self.is_closing = false;
        self.error = None;
        self.sink = end;
    }

    /// Ends the present run's stdin at once; what is queued is dropped.
    pub fn detach(&mut self) {
        self.sink = None;
        self.queue = VecDeque::new();
        (self.queued, self.taken) = (0, 0);
        self.discarded = self.accepted - self.written;
    }

    pub fn is_full(&self) -> bool {
        self.queued >= MAX_QUEUED_BYTES
    }

    /// Queues bytes, and hands over what the pipe takes now. `on_error` is what `flush` returns.
    pub fn write(&mut self, data: Vec<u8>, on_error: &mut Option<String>) -> Written {
        if self.is_closed() {
            let why = self.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            return Written::Closed(Failure::new("STDIN_CLOSED", format!("the child has no open stdin{why}")));
        }
        if self.is_full() {
            return Written::Full(data);
        }
        self.accepted += data.len() as u64;
        let offset = self.accepted;
        self.queued += data.len();
        if !data.is_empty() {
            self.queue.push_back(data);
        }
        *on_error = self.flush();
        Written::Accepted(offset)
    }

    /// Lets a write wait. Fails if too much waits already.
    pub fn wait(&self, data: Vec<u8>) -> Result<WaitingWrite, Failure> {
        let waiting = self.waiting.get() + data.len();
        if waiting > MAX_WAITING_BYTES {
            return Err(Self::would_block());
        }
        self.waiting.set(waiting);
        Ok(WaitingWrite { data, all: Rc::clone(&self.waiting) })
    }

    pub fn would_block() -> Failure {
        Failure::new("ERR_BGTASK_WOULD_BLOCK", "stdin would block: its queue is full")
            .with("what", Value::text("stdin"))
    }

    /// Closes after what is queued, or at once.
    pub fn close(&mut self, immediate: bool) {
        self.is_closing = true;
        if immediate || self.queue.is_empty() {
            self.detach();
        }
    }

    pub fn poll_fd(&self) -> Option<PollFd> {
        let sink = self.sink.as_ref().filter(|_| !self.queue.is_empty())?;
        Some(PollFd::new(sink.as_raw_fd(), false, true))
    }

    /// Hands over what the pipe takes. Returns why it takes nothing any more, if that is so.
    pub fn flush(&mut self) -> Option<String> {
        while let (Some(sink), Some(first)) = (&self.sink, self.queue.front()) {
            match sys::write(sink.as_fd(), first.get(self.taken..).unwrap_or_default()) {
                Ok(count) => self.took(count),
                Err(error) => match error.raw_os_error() {
                    Some(sys::EAGAIN) => return None,
                    Some(sys::EINTR) => {}
                    code => {
                        let words =
                            if code == Some(sys::EPIPE) { "write EPIPE".to_owned() } else { format!("write: {error}") };
                        self.detach();
                        self.error = Some(words.clone());
                        return Some(words);
                    }
                },
            }
        }
        if self.is_closing {
            self.detach();
        }
        None
    }

    fn took(&mut self, count: usize) {
        self.taken += count;
        self.queued -= count;
        self.written += count as u64;
        if self.queue.front().is_none_or(|first| self.taken >= first.len()) {
            self.queue.pop_front();
            self.taken = 0;
        }
    }
}
