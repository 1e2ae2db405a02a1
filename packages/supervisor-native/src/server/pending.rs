//! Requests that wait for something to happen. Each is looked at again after whatever happened, and answered when what it waits
//! for is there, when its time is up, or never, since its connection has ended.

use crate::lifecycle::table::State;
use crate::streams::input::WaitingWrite;
use crate::supervisor::{CallId, Supervisor};

pub struct Pending {
    pub id: u32,
    pub wait: Wait,
    /// None if it has no deadline.
    pub deadline: Option<u64>,
}

pub enum Wait {
    Read {
        stream: u8,
        from: u64,
        most: u64,
    },
    Order {
        from: u64,
        most: usize,
    },
    Exit {
        run: Option<u64>,
    },
    /// Until the queue of the child's stdin has room, or the child can read no more.
    Write(WaitingWrite),
    /// A signal is acted on a moment after it was sent; one that the child ignores is not waited for long.
    Pause {
        is_stopped: bool,
    },
    /// Until files have given what this wait is for.
    File {
        ticket: u64,
        wait: Box<Self>,
    },
    /// Until the call has an outcome.
    Call(CallId),
}

impl Wait {
    pub fn is_over(&self, supervisor: &Supervisor) -> bool {
        let streams = &supervisor.streams;
        match self {
            Self::Read { stream, from, most } => {
                let found = streams.output(*stream).look(*from, *most);
                found.has_byte || found.eof
            }
            Self::Order { from, .. } => *from < streams.order_end() || streams.order_eof(),
            Self::File { ticket, .. } => streams.spooler.as_ref().is_none_or(|spooler| spooler.has_found(*ticket)),
            Self::Exit { run } => supervisor.look_at_exit(*run).0,
            Self::Write(_) => streams.stdin.is_closed() || !streams.stdin.is_full(),
            Self::Pause { is_stopped } => {
                supervisor.child().is_none() || (supervisor.facts.state == State::Paused) == *is_stopped
            }
            Self::Call(_) => false,
        }
    }
}
