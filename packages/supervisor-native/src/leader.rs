//! The leader of the process group that a supervisor of behavior `background` was launched in: a job whose shell is gone ends too.

use crate::process::stat::{Process, Stat};
use crate::sys::{self, PollFd};
use std::os::fd::{AsRawFd, OwnedFd};

/// Interval of polls if nothing reports its end.
const LOOK_MS: u64 = 1_000;

pub struct Leader {
    process: Process,
    /// Readable once it has ended; None if the kernel has no such descriptors.
    pidfd: Option<OwnedFd>,
    next_look: u64,
}

impl Leader {
    /// None if there is none at launch (`true | node app`), so that its end cannot be awaited; and if it was this process itself
    /// before it detached.
    pub fn of_our_group(started_as: u32) -> Option<Self> {
        let group = sys::process_group();
        let stat = Stat::of(group).filter(Stat::is_alive)?;
        if group.cast_unsigned() == started_as && started_as != std::process::id() {
            return None;
        }
        let pidfd = sys::pidfd_open(group).ok();
        let leader = Self { process: Process::from(&stat), pidfd, next_look: 0 };
        // It may have ended before the descriptor was opened, and that be another process's.
        leader.process.is_alive().then_some(leader)
    }

    pub fn poll_fd(&self) -> Option<PollFd> {
        self.pidfd.as_ref().map(|pidfd| PollFd::new(pidfd.as_raw_fd(), true, false))
    }

    pub fn due_at(&self) -> Option<u64> {
        self.pidfd.is_none().then_some(self.next_look)
    }

    /// Whether it is gone, looked up now and then.
    pub fn is_gone(&mut self, now: u64) -> bool {
        if self.pidfd.is_some() || now < self.next_look {
            return false;
        }
        self.next_look = now + LOOK_MS;
        !self.process.is_alive()
    }
}
