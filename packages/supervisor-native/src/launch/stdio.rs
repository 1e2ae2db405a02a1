//! The launcher's descriptors are let go of once the task is there.

use super::spec::Behavior;
use crate::log::Log;
use crate::sys;
use std::fs::File;
use std::os::fd::AsFd;

/// stdin becomes `/dev/null`, stdout and stderr the log. In the foreground these two stay: they show the child's output.
pub fn release(behavior: Behavior, log: &Log) {
    let Ok(null) = File::options().read(true).write(true).open("/dev/null") else { return };
    // Between numbers that are open this cannot fail.
    let _ = sys::replace_standard(null.as_fd(), 0);
    if behavior == Behavior::Foreground {
        return;
    }
    let output = log.file().map_or_else(|| null.as_fd(), File::as_fd);
    for standard in [1, 2] {
        let _ = sys::replace_standard(output, standard);
    }
}
