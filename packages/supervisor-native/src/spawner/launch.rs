//! One launch: the pipes of a supervisor that was started.

use super::frames::{DATA, END, FAILED, STARTED, STDERR, TAKEN, write};
use super::plan::Plan;
use crate::sys::{self, PollFd, Program, StartError};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Bytes of one stdin that wait here or are on their way: the caller sends no more until some are reported as taken.
const WINDOW_BYTES: usize = 64 * 1024;
/// Fewer are not worth a frame of their own.
const REPORTED_BYTES: usize = WINDOW_BYTES / 2;
/// What one read of a stderr brings at most.
const READ_BYTES: usize = 64 * 1024;

pub struct Launch {
    pub id: u32,
    /// None once its end was passed on, or its reader is gone.
    stdin: Option<OwnedFd>,
    stderr: OwnedFd,
    /// Bytes for stdin that the pipe has not taken.
    waiting: Vec<u8>,
    has_all: bool,
    /// Bytes that were taken and not yet reported.
    unreported: usize,
}

impl Launch {
    /// Starts it and reports what came of it; None if it could not be started.
    pub fn start(id: u32, plan: &Plan, out: &mut Vec<u8>) -> Option<Self> {
        match Self::try_start(id, plan) {
            Ok((launch, pid)) => {
                write(out, STARTED, id, &pid.to_le_bytes());
                Some(launch)
            }
            Err(failure) => {
                let (step, error) = match failure {
                    StartError::System(error) => (0_u32, error),
                    StartError::Cwd(error) => (1, error),
                    StartError::Exec(error) => (2, error),
                };
                let number = error.raw_os_error().unwrap_or(0);
                write(out, FAILED, id, &[step.to_le_bytes(), number.to_le_bytes()].concat());
                write(out, END, id, &[]);
                None
            }
        }
    }

    fn try_start(id: u32, plan: &Plan) -> Result<(Self, i32), StartError> {
        let system = StartError::System;
        let (childs_stdin, stdin) = io::pipe().map_err(system)?;
        let (stderr, childs_stderr) = io::pipe().map_err(system)?;
        let null = File::options().write(true).open("/dev/null").map_err(system)?;
        let (stdin, stderr) = (OwnedFd::from(stdin), OwnedFd::from(stderr));
        for ours in [&stdin, &stderr] {
            sys::set_nonblocking(ours.as_fd()).map_err(system)?;
        }
        let program = Program {
            paths: &plan.paths,
            argv: &plan.argv,
            env: &plan.env,
            cwd: &plan.cwd,
            umask: plan.umask,
            stdio: [childs_stdin.as_fd(), null.as_fd(), childs_stderr.as_fd()],
        };
        let pid = sys::start_orphan(&program, plan.in_new_session)?;
        Ok((Self { id, stdin: Some(stdin), stderr, waiting: Vec::new(), has_all: false, unreported: 0 }, pid))
    }

    /// What to poll for: room for stdin while bytes wait for it, and bytes of stderr while they can be sent on.
    pub fn poll_fds(&self, may_read: bool) -> [Option<PollFd>; 2] {
        let stdin = self.stdin.as_ref().filter(|_| !self.waiting.is_empty());
        let stdin = stdin.map(|stdin| PollFd::new(stdin.as_raw_fd(), false, true));
        [stdin, may_read.then(|| PollFd::new(self.stderr.as_raw_fd(), true, false))]
    }

    /// Bytes for its stdin. Fails if the caller does not keep to the window.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if self.has_all || self.waiting.len() + self.unreported + bytes.len() > WINDOW_BYTES {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("a frame {DATA} beyond the window or the end")));
        }
        if self.stdin.is_some() {
            self.waiting.extend_from_slice(bytes);
        } else {
            self.unreported += bytes.len();
        }
        self.flush(out);
        Ok(())
    }

    /// No more bytes come for its stdin.
    pub fn end_stdin(&mut self, out: &mut Vec<u8>) {
        self.has_all = true;
        self.flush(out);
    }

    /// Writes what the pipe takes, and closes it after the last byte.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        while let Some(stdin) = self.stdin.as_ref().filter(|_| !self.waiting.is_empty()) {
            match sys::write(stdin.as_fd(), &self.waiting) {
                Ok(count) => {
                    self.waiting.drain(..count);
                    self.unreported += count;
                }
                Err(error) if error.raw_os_error() == Some(sys::EINTR) => {}
                Err(error) if error.raw_os_error() == Some(sys::EAGAIN) => break,
                // The reader is gone; stderr has the reason.
                Err(_) => {
                    self.unreported += self.waiting.len();
                    self.waiting.clear();
                    self.stdin = None;
                }
            }
        }
        if self.waiting.is_empty() {
            // Most specs come in one piece; then this memory is not needed again.
            self.waiting = Vec::new();
            if self.has_all {
                self.stdin = None;
            }
        }
        if self.unreported >= REPORTED_BYTES && !self.has_all {
            write(out, TAKEN, self.id, &u32::try_from(self.unreported).unwrap_or(0).to_le_bytes());
            self.unreported = 0;
        }
    }

    /// Passes on what came on its stderr. Returns whether that has ended.
    pub fn read_stderr(&mut self, scratch: &mut [u8], out: &mut Vec<u8>) -> bool {
        let room = scratch.get_mut(..READ_BYTES).unwrap_or_default();
        match sys::read(self.stderr.as_fd(), room) {
            Ok(count) if count > 0 => {
                write(out, STDERR, self.id, room.get(..count).unwrap_or_default());
                false
            }
            Err(error) if matches!(error.raw_os_error(), Some(sys::EINTR | sys::EAGAIN)) => false,
            _ => {
                write(out, END, self.id, &[]);
                true
            }
        }
    }
}
