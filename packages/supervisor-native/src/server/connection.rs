//! One client's connection: its calls, its subscription, and what of the output it has not seen yet.

use super::message::{Message, notification};
use super::methods::{self};
use super::outbox::Outbox;
use super::params::Call;
use super::pending::{Pending, Wait};
use crate::clock::monotonic_ms;
use crate::stops::Outcome;
use crate::supervisor::{CallId, Supervisor};
use crate::sys::PollFd;
use crate::wire::failure::Failure;
use crate::wire::limits;
use crate::wire::scanner::Scanner;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Requests that are being answered; above it, no more are read until one is. Writes among them hold 256 KiB each.
const MAX_IN_FLIGHT: usize = 64;
/// Bytes that wait to be sent; above it no more requests are read and events are dropped.
const PAUSE_QUEUED_BYTES: usize = 1024 * 1024;
/// Bytes that wait to be sent; a response that goes above it ends the connection.
const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;
/// What was received and takes less memory than this when it is empty stays.
const MAX_KEPT_BYTES: usize = 4 * 1024;

/// Who follows an output asks for more as soon as it has worked on what it got; who lets so much time pass does not follow.
const FOLLOWER_PAUSE_MS: u64 = 250;

pub struct Connection {
    pub(super) stream: UnixStream,
    scanner: Scanner,
    inbox: Vec<u8>,
    pub(super) outbox: Outbox,
    pub(super) pending: Vec<Pending>,
    pub is_subscribed: bool,
    /// So many of the events that are to be sent were sent to this client before a response.
    pub notified: usize,
    /// Events that there was no room for.
    missed: u64,
    /// Whether the outputs were read up to anything but their end.
    pub(super) is_behind: [bool; 2],
    pub(super) read_at: u64,
    pub heard_at: u64,
    pub is_closed: bool,
    /// Connections open now; for the info.
    pub client_count: usize,
    /// Another client's bytes for the child's stdin came first.
    pub others_wait_to_write: bool,
}

impl Connection {
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            scanner: Scanner::new(limits::MESSAGE),
            inbox: Vec::new(),
            outbox: Outbox::default(),
            pending: Vec::new(),
            is_subscribed: false,
            notified: 0,
            missed: 0,
            is_behind: [false; 2],
            read_at: 0,
            heard_at: 0,
            is_closed: false,
            client_count: 1,
            others_wait_to_write: false,
        }
    }

    pub fn poll_fd(&self) -> PollFd {
        PollFd::new(self.stream.as_raw_fd(), !self.must_pause(), self.outbox.queued() > 0).or_end()
    }

    /// When the first of its long polls has waited long enough.
    pub fn due_at(&self) -> Option<u64> {
        self.pending.iter().filter_map(|pending| pending.deadline).min()
    }

    /// It waits for nothing: no answer, no event.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.outbox.queued() == 0 && !self.is_subscribed
    }

    /// It has not got all that it follows, or waits for what was sent to it.
    pub fn is_unfinished(&self, now: u64) -> bool {
        let follows = self.is_behind.contains(&true) && now.saturating_sub(self.read_at) < FOLLOWER_PAUSE_MS;
        let waits_for_a_call =
            self.pending.iter().any(|pending| matches!(pending.wait, Wait::Call(_) | Wait::File { .. }));
        follows || waits_for_a_call || self.outbox.queued() > 0
    }

    /// Bytes held for the client: of a message that is not complete or must wait, and of what waits to be sent.
    pub fn held(&self) -> usize {
        self.inbox.len() + self.outbox.queued()
    }

    pub fn waits_to_write(&self) -> bool {
        self.pending.iter().any(|pending| matches!(pending.wait, Wait::Write(_)))
    }

    /// After a poll found something.
    pub fn is_ready(&mut self, found: PollFd, supervisor: &mut Supervisor, scratch: &mut [u8]) {
        self.flush();
        if self.must_pause() {
            // Nothing is read, and so an end is not seen otherwise.
            self.is_closed |= found.is_over();
            return;
        }
        match self.stream.read(scratch) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.receive(scratch.get(..count).unwrap_or_default(), supervisor),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.is_closed = true,
        }
    }

    /// Handles what has been received, as long as the client may have more of its requests answered. The rest waits here and in
    /// the kernel until a request was answered or the queue has drained.
    pub fn handle_messages(&mut self, supervisor: &mut Supervisor) {
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        while !self.is_closed && !rest.is_empty() && !self.must_pause() {
            match self.scanner.scan(rest) {
                Ok(None) => break,
                Ok(Some(length)) => {
                    let (message, later) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    let holds_whole_float = self.scanner.held_whole_float();
                    self.handle(message, holds_whole_float, supervisor);
                    rest = later;
                }
                Err(broken) => self.disconnect(&Failure::protocol(broken.to_string())),
            }
        }
        let handled = inbox.len() - rest.len();
        self.inbox = inbox;
        self.inbox.drain(..handled);
        if self.inbox.is_empty() {
            self.inbox.shrink_to(MAX_KEPT_BYTES);
        }
        self.flush();
    }

    pub fn has_messages(&self) -> bool {
        !self.inbox.is_empty() && !self.must_pause()
    }

    /// Answers those requests whose waiting is over.
    pub fn settle(&mut self, supervisor: &mut Supervisor, now: u64) {
        if self.pending.is_empty() {
            return;
        }
        let mut waits_to_write = false;
        for pending in std::mem::take(&mut self.pending) {
            let is_write = matches!(pending.wait, Wait::Write(_));
            let is_over = pending.wait.is_over(supervisor) || pending.deadline.is_some_and(|at| at <= now);
            // One that came later must not overtake it.
            if !is_over || is_write && waits_to_write || self.is_closed {
                waits_to_write |= is_write;
                self.pending.push(pending);
            } else {
                self.answer(pending.id, pending.wait, supervisor);
            }
        }
        self.flush();
    }

    /// Answers the request that waits for this call; false if there is none.
    pub fn settle_call(&mut self, call: CallId, outcome: &Outcome, supervisor: &Supervisor) -> bool {
        let is_for_it = |pending: &Pending| matches!(pending.wait, Wait::Call(id) if id == call);
        let Some(place) = self.pending.iter().position(is_for_it) else { return false };
        let id = self.pending.remove(place).id;
        self.respond(id, |sink| methods::write_outcome(outcome, supervisor, sink));
        self.flush();
        true
    }

    pub fn wants_event(&self, place: usize) -> bool {
        self.is_subscribed && place >= self.notified
    }

    /// Sends an event, which is encoded already. One that does not fit into a slow subscriber's queue is counted, and the count sent.
    pub fn notify(&mut self, event: &[u8]) {
        self.tell_missed();
        if self.missed > 0 || self.outbox.queued() > PAUSE_QUEUED_BYTES {
            self.missed += 1;
        } else {
            self.send(event);
        }
    }

    pub fn flush(&mut self) {
        if self.outbox.flush(&self.stream).is_err() {
            self.is_closed = true;
        }
        // As soon as there is room: the event that was missed may have been the last one.
        if self.missed > 0 && self.outbox.queued() == 0 {
            self.tell_missed();
        }
    }

    /// Says why, as far as the kernel takes it at once, and closes.
    pub fn disconnect(&mut self, failure: &Failure) {
        let reason = notification("error", |sink| failure.write(sink));
        self.send(&reason);
        self.flush();
        self.is_closed = true;
    }

    /// Frees what is held for a client that is disconnected.
    pub fn release(&mut self) {
        self.inbox = Vec::new();
        self.outbox = Outbox::default();
    }

    fn must_pause(&self) -> bool {
        self.pending.len() >= MAX_IN_FLIGHT || self.outbox.queued() > PAUSE_QUEUED_BYTES
    }

    fn receive(&mut self, bytes: &[u8], supervisor: &mut Supervisor) {
        self.heard_at = monotonic_ms();
        if self.inbox.try_reserve(bytes.len()).is_err() {
            self.is_closed = true;
            return;
        }
        self.inbox.extend_from_slice(bytes);
        self.handle_messages(supervisor);
    }

    fn handle(&mut self, message: &[u8], holds_whole_float: bool, supervisor: &mut Supervisor) {
        match Message::parse(message) {
            Some(Message::Request { id, method, params }) => match Call::parse(&method, params, holds_whole_float) {
                Ok(call) => self.request(id, call, supervisor),
                Err(failure) => self.refuse(id, &failure),
            },
            // The supervisor sends no requests, and handles no notifications.
            Some(Message::Other) => {}
            None => self
                .disconnect(&Failure::protocol("a message is no request, response or notification of MessagePack-RPC")),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        let result = self.outbox.send(&self.stream, [bytes].into_iter());
        self.after_send(&result);
    }

    pub(super) fn after_send(&mut self, result: &io::Result<()>) {
        self.is_closed |= result.is_err();
        let queued = self.outbox.queued();
        if queued > MAX_QUEUED_BYTES && !self.is_closed {
            self.is_closed = true;
            let words = format!("the other side does not read: {queued} bytes wait to be sent");
            self.disconnect(&Failure::protocol(words));
        }
    }

    fn tell_missed(&mut self) {
        if self.missed == 0 || self.outbox.queued() > PAUSE_QUEUED_BYTES {
            return;
        }
        let count = std::mem::take(&mut self.missed);
        let message = notification("missed", |sink| {
            sink.map(1);
            sink.key("count");
            sink.count(count);
            sink.end();
        });
        self.send(&message);
    }
}
