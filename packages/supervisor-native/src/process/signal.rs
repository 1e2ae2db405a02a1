//! Signals that never hit a later process with the pid of a former one.

use super::stat::{Process, Stat};
use crate::sys;
use std::os::fd::AsFd;

/// Sends a signal to exactly that process; false if it is gone or must not be signalled.
///
/// The descriptor is opened first: if the pid then still has the start time, it had it when the descriptor was opened, and so
/// the descriptor is that process's, whatever becomes of the pid.
pub fn send(target: Process, signal: i32) -> bool {
    let pinned = sys::pidfd_open(target.pid);
    if Stat::of(target.pid).is_none_or(|stat| stat.start_time != target.start_time) {
        return false;
    }
    match pinned {
        Ok(pidfd) => match sys::pidfd_signal(pidfd.as_fd(), signal) {
            Err(error) if is_missing(&error) => sys::kill(target.pid, signal).is_ok(),
            result => result.is_ok(),
        },
        // Before Linux 5.3, or with no descriptor left: the look above narrows the race to microseconds.
        Err(_) => sys::kill(target.pid, signal).is_ok(),
    }
}

/// The kernel, or a sandbox, does not know the call.
fn is_missing(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(sys::ENOSYS)
}
