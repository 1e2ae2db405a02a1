//! The launch spec: one MessagePack map on stdin.

use super::steps::Step;
use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::limits;
use crate::wire::value::{Entries, Value};

/// What this supervisor can do beyond the core of the contract.
pub const FEATURES: [&str; 3] = ["detach", "linger", "spool"];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behavior {
    Foreground,
    Background,
    Daemon,
}

pub const BEHAVIORS: [(&str, Behavior); 3] =
    [("foreground", Behavior::Foreground), ("background", Behavior::Background), ("daemon", Behavior::Daemon)];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    Discard,
    Block,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestartOn {
    Never,
    Failure,
    Always,
}

pub const RESTARTS: [(&str, RestartOn); 3] =
    [("never", RestartOn::Never), ("failure", RestartOn::Failure), ("always", RestartOn::Always)];

/// When and how the child is started again after it ended by itself.
#[derive(Clone, Debug)]
pub struct RestartPolicy {
    pub on: RestartOn,
    pub delay_ms: u64,
    pub max_delay_ms: u64,
    pub factor: f64,
    /// Restarts in a row before the task is `failed`; None for no limit.
    pub max_restarts: Option<u64>,
    pub reset_after_ms: u64,
}

/// Who else may come in.
#[derive(Clone, Debug)]
pub struct Access {
    pub mode: u32,
    pub gid: Option<u32>,
    pub owners: Vec<u32>,
}

/// Output in files.
#[derive(Clone, Debug)]
pub struct SpoolSpec {
    pub max_bytes: u64,
    pub segment_bytes: u64,
    /// What a run wrote is on the disk before its exit is reported.
    pub syncs: bool,
}

/// What the record of a retired task says that is started again.
#[derive(Clone, Debug)]
pub struct Resume {
    pub supervisor_pid: u64,
    pub run: u64,
    pub restarts: u64,
    pub created_at: i64,
    /// Of stdout and stderr.
    pub end_offsets: [u64; 2],
}

impl Resume {
    /// Where the output with that id ends.
    pub fn end_offset(&self, id: u8) -> u64 {
        let [stdout, stderr] = self.end_offsets;
        if id == 1 { stdout } else { stderr }
    }
}

pub const SYNCS: [(&str, bool); 2] = [("none", false), ("exit", true)];

#[derive(Clone, Debug)]
pub struct Spec {
    pub task_id: String,
    pub exec: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: String,
    pub umask: u32,
    pub behavior: Behavior,
    pub meta: Entries,
    pub max_read_buf_size: u64,
    pub overflow: Overflow,
    pub lockfile: Option<String>,
    pub has_stdin: bool,
    pub stop: Vec<Step>,
    pub restart: RestartPolicy,
    pub max_runtime_ms: Option<u64>,
    pub pool_path: String,
    pub access: Access,
    pub spool: Option<SpoolSpec>,
    pub linger_ms: Option<u64>,
    pub keep_spec: bool,
    pub resume: Option<Resume>,
}

/// Reads stdin to its end, of whatever kind it is. A supervisor that was started early waits here, in the kernel.
pub fn read() -> Result<Vec<u8>, Failure> {
    /// Most specs fit; what is touched here is ours for good.
    const FIRST_PIECE: usize = 8 * 1024;
    let stdin = sys::standard(0);
    let mut bytes = Vec::new();
    loop {
        let length = bytes.len();
        if length > limits::SPEC.bytes {
            let shown = Value::Text(format!("{length} bytes"));
            return Err(Failure::invalid(
                "spec",
                Some(&shown),
                &format!("must be at most {} bytes", limits::SPEC.bytes),
            ));
        }
        let piece = length.max(FIRST_PIECE);
        bytes.try_reserve(piece).map_err(|_| Failure::internal("there is no memory for the spec"))?;
        bytes.resize(length + piece, 0);
        let read = sys::read(stdin, bytes.get_mut(length..).unwrap_or_default());
        bytes.truncate(length + *read.as_ref().unwrap_or(&0));
        match read.map_err(|error| (error.raw_os_error(), error)) {
            Ok(0) => return Ok(bytes),
            Ok(_) | Err((Some(sys::EINTR), _)) => {}
            // The launcher may have made it non-blocking.
            Err((Some(sys::EAGAIN), _)) => sys::poll(&mut [sys::PollFd::new(0, true, false)], -1),
            Err((_, error)) => return Err(Failure::system("cannot read the spec", &error)),
        }
    }
}
