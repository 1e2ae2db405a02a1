//! All clients of the task.

use super::connection::Connection;
use super::listener::Listener;
use super::message::notification;
use crate::clock::monotonic_ms;
use crate::launch::spec::Access;
use crate::log::Log;
use crate::stops::Outcome;
use crate::streams::spool::spooler::Spooler;
use crate::supervisor::{CallId, Supervisor};
use crate::sys::{self, Pages, PollFd};
use crate::wire::failure::Failure;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

/// More clients at once than any task has; each costs a descriptor and some buffers.
const MAX_CONNECTIONS: u64 = 1_000;
/// At least these, whatever the limit of descriptors is.
const MIN_CONNECTIONS: u64 = 4;
/// Descriptors that clients cannot use: for a start with new pipes, a scan of all processes, a record.
const RESERVED_FDS: u64 = 48;

/// Held for all clients together: half messages, and responses that they do not read.
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;

/// The most that is received at a time.
const RECEIVE_BYTES: usize = 64 * 1024;

/// So many are let in before others get their turn.
const ACCEPTS_IN_A_ROW: u32 = 16;
/// How soon accepting is tried again when the system has no descriptor or memory for it.
const ACCEPT_RETRY_MS: u64 = 100;

/// How long (ms) a task that was just started waits for its first client before it retires.
const FIRST_CLIENT_MS: u64 = 2_000;

pub struct Server {
    pub listener: Listener,
    access: Access,
    log: Rc<Log>,
    connections: Vec<Connection>,
    /// Given up for a moment to accept, and refuse, a client when there is no other descriptor.
    reserve: Option<File>,
    retry_at: Option<u64>,
    /// Nobody has connected before that.
    pub first_client_by: Option<u64>,
    /// Where requests are received.
    scratch: Pages,
}

impl Server {
    pub fn new(listener: Listener, access: Access, log: Rc<Log>) -> Result<Self, Failure> {
        let scratch =
            Pages::new(RECEIVE_BYTES).ok_or_else(|| Failure::new("ENOMEM", "there is no memory for clients"))?;
        let server = Self {
            listener,
            access,
            log,
            connections: Vec::new(),
            reserve: reserve(),
            retry_at: None,
            first_client_by: Some(monotonic_ms() + FIRST_CLIENT_MS),
            scratch,
        };
        Ok(server)
    }

    /// What to poll for: the listener first, if it is wanted, then the connections.
    pub fn poll_fds(&self, fds: &mut Vec<PollFd>) {
        fds.push(PollFd::new(self.listener.socket.as_raw_fd(), self.retry_at.is_none(), false));
        fds.extend(self.connections.iter().map(Connection::poll_fd));
    }

    pub fn due_at(&self) -> Option<u64> {
        self.connections.iter().filter_map(Connection::due_at).chain(self.retry_at).min()
    }

    /// After a poll of what `poll_fds` gave.
    pub fn are_ready(&mut self, fds: &[PollFd], supervisor: &mut Supervisor) {
        let Some((listener, fds)) = fds.split_first() else { return };
        let client_count = self.connections.len();
        let mut held = self.held();
        for (place, found) in fds.iter().enumerate() {
            if !found.is_ready() {
                continue;
            }
            let others_wait_to_write = self.connections.iter().any(Connection::waits_to_write);
            let Some(connection) = self.connections.get_mut(place) else { continue };
            connection.client_count = client_count;
            connection.others_wait_to_write = others_wait_to_write;
            let before = connection.held();
            connection.is_ready(*found, supervisor, self.scratch.bytes_mut());
            held = (held + connection.held()).saturating_sub(before);
            self.send_events(supervisor);
            if held > MAX_HELD_BYTES {
                held = self.bound_held();
            }
        }
        if listener.is_ready() {
            self.accept();
        }
    }

    /// Answers who has waited for what has happened, and forgets who is gone.
    pub fn settle(&mut self, supervisor: &mut Supervisor) {
        let now = monotonic_ms();
        self.retry_at.take_if(|at| *at <= now);
        self.send_events(supervisor);
        let client_count = self.connections.len();
        let mut held = self.held();
        for place in 0..client_count {
            let Some(connection) = self.connections.get_mut(place) else { break };
            connection.client_count = client_count;
            let before = connection.held();
            connection.settle(supervisor, now);
            if connection.has_messages() {
                connection.handle_messages(supervisor);
            }
            held = (held + connection.held()).saturating_sub(before);
            if held > MAX_HELD_BYTES {
                held = self.bound_held();
            }
        }
        self.send_events(supervisor);
        // Its client has received it, or is gone.
        supervisor.streams.spooler.as_mut().into_iter().for_each(Spooler::forget_found);
        self.connections.retain(|connection| !connection.is_closed);
        supervisor.events.are_heard = self.connections.iter().any(|connection| connection.is_subscribed);
    }

    /// Answers the request that waits for this call, if its client is still there.
    pub fn settle_call(&mut self, call: CallId, outcome: &Outcome, supervisor: &mut Supervisor) {
        self.send_events(supervisor);
        let _ = self.connections.iter_mut().any(|connection| connection.settle_call(call, outcome, supervisor));
    }

    /// Whether a client has not yet received the output that it follows, or its replies.
    pub fn is_unfinished(&self) -> bool {
        let now = monotonic_ms();
        self.connections.iter().any(|connection| connection.is_unfinished(now))
    }

    fn send_events(&mut self, supervisor: &mut Supervisor) {
        for (place, event) in supervisor.events.queue.drain(..).enumerate() {
            let message = notification(event.name(), |sink| event.write(sink));
            let mut waiting = self.connections.iter_mut().filter(|connection| connection.wants_event(place));
            waiting.by_ref().for_each(|connection| connection.notify(&message));
        }
        for connection in self.connections.iter_mut().filter(|connection| connection.is_subscribed) {
            connection.notified = 0;
            connection.flush();
        }
    }

    /// Disconnects the clients for which the most is held, until what is held for all of them is within bounds. Gives what is
    /// held then.
    fn bound_held(&mut self) -> usize {
        let mut held = self.held();
        while held > MAX_HELD_BYTES {
            let Some(largest) = self.connections.iter_mut().max_by_key(|connection| connection.held()) else { break };
            let bytes = largest.held();
            held -= bytes;
            let words = format!("the clients hold too much memory, this one {bytes} bytes");
            largest.disconnect(&Failure::protocol(words));
            largest.release();
        }
        held
    }

    fn held(&self) -> usize {
        self.connections.iter().map(Connection::held).sum()
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_IN_A_ROW {
            match self.listener.socket.accept() {
                Ok((stream, _)) => self.let_in(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.raw_os_error(), Some(sys::EMFILE | sys::ENFILE | sys::ENOMEM)) => {
                    return self.refuse_one(&error);
                }
                // A client that has gone already.
                Err(_) => {}
            }
        }
    }

    fn let_in(&mut self, stream: UnixStream) {
        if stream.set_nonblocking(true).is_err() || self.is_full() && !self.make_room() {
            return;
        }
        let uid = sys::peer_uid(stream.as_fd());
        let mut connection = Connection::new(stream);
        if uid.is_ok_and(|uid| may_connect(uid, &self.access)) {
            self.first_client_by = None;
            self.connections.push(connection);
        } else {
            let message = "the task belongs to another user";
            connection.disconnect(&Failure::new("ERR_BGTASK_PERMISSION", message));
        }
    }

    fn is_full(&self) -> bool {
        let most = sys::max_descriptors().saturating_sub(RESERVED_FDS).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        self.connections.len() as u64 >= most
    }

    /// Idle clients must not keep others out; our own client connects again at its next call.
    fn make_room(&mut self) -> bool {
        let idle = self.connections.iter_mut().filter(|connection| connection.is_idle());
        let Some(longest) = idle.min_by_key(|connection| connection.heard_at) else { return false };
        longest.is_closed = true;
        self.connections.retain(|connection| !connection.is_closed);
        true
    }

    /// A client in the backlog would otherwise keep us awake, or wait for ever.
    fn refuse_one(&mut self, error: &io::Error) {
        self.log.write(format_args!("cannot accept a client: {error}"));
        self.reserve = None;
        drop(self.listener.socket.accept());
        self.reserve = reserve();
        self.retry_at = Some(monotonic_ms() + ACCEPT_RETRY_MS);
    }
}

/// Where the socket's mode lets others in, the mode decides, and the directory's. Else only its owner, root and the named owners may
/// come in: a user who can bypass modes, or was passed a connection, is refused too.
fn may_connect(uid: u32, access: &Access) -> bool {
    access.mode & 0o066 != 0 || uid == 0 || uid == sys::effective_uid() || access.owners.contains(&uid)
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}
