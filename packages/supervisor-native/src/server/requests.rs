//! Requests of a client, and what it gets for them.

use super::connection::Connection;
use super::files;
use super::message::{response_head, write_head};
use super::methods::{self, Answer};
use super::params::Call;
use super::pending::{Pending, Wait};
use crate::clock::monotonic_ms;
use crate::server::message::notification;
use crate::streams::output::Found;
use crate::supervisor::Supervisor;
use crate::wire::failure::Failure;
use crate::wire::limits;
use crate::wire::msgpack::Msgpack;
use crate::wire::sink::Sink;

impl Connection {
    pub(super) fn request(&mut self, id: u32, call: Call, supervisor: &mut Supervisor) {
        let mut response = response_head(id);
        let result = methods::call(call, supervisor, self, &mut response);
        self.notify_first(supervisor);
        match result {
            Ok(Answer::Now) => self.send(&response.bytes),
            Ok(Answer::Later(wait, wait_ms)) if wait_ms == Some(0) || wait.is_over(supervisor) => {
                self.answer(id, wait, supervisor);
            }
            Ok(Answer::Later(wait, wait_ms)) => {
                self.pending.push(Pending { id, wait, deadline: methods::deadline(wait_ms) });
            }
            Ok(Answer::WrongTask(failure)) => {
                self.refuse(id, &failure);
                self.flush();
                self.is_closed = true;
            }
            Err(failure) => self.refuse(id, &failure),
        }
    }

    /// Events that a request causes are sent to its client before the response.
    fn notify_first(&mut self, supervisor: &Supervisor) {
        if !self.is_subscribed {
            return;
        }
        for event in supervisor.events.queue.iter().skip(self.notified) {
            self.notify(&notification(event.name(), |sink| event.write(sink)));
        }
        self.notified = supervisor.events.queue.len();
    }

    pub(super) fn answer(&mut self, id: u32, wait: Wait, supervisor: &mut Supervisor) {
        if let Some(ticket) = files::fetch(&wait, supervisor) {
            let wait = Wait::File { ticket, wait: Box::new(wait) };
            return self.pending.push(Pending { id, wait, deadline: None });
        }
        match wait {
            Wait::Read { stream, from, most } => self.answer_read(id, stream, from, most, supervisor),
            Wait::File { ticket, wait } => self.answer_from_files(id, ticket, *wait, supervisor),
            wait => self.respond(id, |sink| methods::settle(wait, supervisor, sink)),
        }
    }

    /// The bytes are sent from the buffer without a copy.
    fn answer_read(&mut self, id: u32, stream: u8, from: u64, most: u64, supervisor: &Supervisor) {
        let output = supervisor.streams.output(stream);
        let found = output.look(from, most);
        let head = self.read_head(id, stream, &found);
        let result = self.outbox.send(&self.stream, [head.as_slice()].into_iter().chain(output.bytes(&found)));
        self.after_send(&result);
    }

    /// The response to a read, up to the bytes. Notes what the client knows then.
    pub(super) fn read_head(&mut self, id: u32, stream: u8, found: &Found) -> Vec<u8> {
        self.read_at = monotonic_ms();
        if let Some(is_behind) = self.is_behind.get_mut(usize::from(stream - 1)) {
            *is_behind = !found.eof;
        }
        let mut head = response_head(id);
        let sink: &mut dyn Sink = &mut head;
        sink.map(4);
        sink.key("offset");
        sink.count(found.offset);
        sink.key("eof");
        sink.bool(found.eof);
        sink.key("endOffset");
        sink.count(found.end_offset);
        sink.key("data");
        head.bytes_header(usize::try_from(found.length).unwrap_or(0));
        head.bytes
    }

    pub(super) fn respond(&mut self, id: u32, write: impl FnOnce(&mut dyn Sink) -> Result<(), Failure>) {
        let mut response = response_head(id);
        match write(&mut response) {
            Err(failure) => self.refuse(id, &failure),
            Ok(()) if response.bytes.len() > limits::MESSAGE.bytes => {
                self.refuse(id, &Failure::internal("the result does not fit in a message"));
            }
            Ok(()) => self.send(&response.bytes),
        }
    }

    pub(super) fn refuse(&mut self, id: u32, failure: &Failure) {
        let mut response = Msgpack::default();
        write_head(&mut response, id);
        failure.write(&mut response);
        response.nil();
        self.send(&response.bytes);
    }
}
