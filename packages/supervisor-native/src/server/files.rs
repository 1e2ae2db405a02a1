//! Answers that come from files: they are fetched by a thread, and wait for it.

use super::connection::Connection;
use super::methods;
use super::pending::Wait;
use crate::streams::output::Found;
use crate::streams::spool::spooler::{ENTRY_BYTES, Spooler, decode};
use crate::streams::task_streams::TaskStreams;
use crate::supervisor::Supervisor;
use crate::wire::failure::Failure;

/// Begins to read what this waited for, if only files have it. Returns the ticket by which it is found.
pub(super) fn fetch(wait: &Wait, supervisor: &mut Supervisor) -> Option<u64> {
    let TaskStreams { stdout, stderr, order, spooler, .. } = &mut supervisor.streams;
    let spooler = spooler.as_mut()?;
    match wait {
        Wait::Read { stream, from, most } if *most > 0 => {
            let output = if *stream == 1 { stdout } else { stderr };
            let place = output.place_in_files(*from)?;
            // A file may hold what clients are not to hear of yet.
            spooler.read(usize::from(*stream), place, (*most).min(output.end_offset() - place))
        }
        Wait::Order { from, most } => {
            let place = spooler.place_of_chunk(*from, order)?;
            let most = (*most).min(usize::try_from(spooler.published_seq() - place).unwrap_or(usize::MAX));
            spooler.read_order(place, most)
        }
        _ => None,
    }
}

impl Connection {
    pub(super) fn answer_from_files(&mut self, id: u32, ticket: u64, wait: Wait, supervisor: &mut Supervisor) {
        let found = supervisor.streams.spooler.as_mut().and_then(|spooler| Spooler::take_found(spooler, ticket));
        match (found, &wait) {
            (Some(Err(error)), _) => self.refuse(id, &Failure::system("cannot read the output's files", &error)),
            (Some(Ok(Some((offset, bytes)))), Wait::Read { stream, .. }) => {
                let output = supervisor.streams.output(*stream);
                let (length, end_offset) = (bytes.len() as u64, output.end_offset());
                let eof = output.eof() && offset + length == end_offset;
                let found = Found { offset, length, has_byte: true, eof, end_offset };
                let head = self.read_head(id, *stream, &found);
                let result = self.outbox.send(&self.stream, [head.as_slice(), &bytes].into_iter());
                self.after_send(&result);
            }
            (Some(Ok(Some((offset, bytes)))), Wait::Order { .. }) => {
                let chunks = decode(&bytes);
                let (end_seq, is_over) = (supervisor.streams.order_end(), supervisor.streams.order_eof());
                self.respond(id, |sink| {
                    methods::write_order(offset / ENTRY_BYTES, chunks.iter(), end_seq, is_over, sink);
                    Ok(())
                });
            }
            // What is kept has changed meanwhile.
            _ => self.answer(id, wait, supervisor),
        }
    }
}
