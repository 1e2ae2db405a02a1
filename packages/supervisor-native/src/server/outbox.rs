//! What is on its way to a client.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::net::UnixStream;

/// More than this is sent at once, without a copy; less waits for what else there is to send.
const LARGE_BYTES: usize = 16 * 1024;

/// An empty queue keeps no more memory than this.
const MAX_KEPT_BYTES: usize = 4 * 1024;

/// Pieces of one message: its head, and what may lie in as many blocks as a read of the output touches.
const MAX_PIECES: usize = 16;

#[derive(Default)]
pub struct Outbox {
    queue: Vec<u8>,
    /// Bytes of the queue that have been sent.
    sent: usize,
}

impl Outbox {
    /// Bytes that wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue.len() - self.sent
    }

    /// Sends a message that comes in pieces, or queues what the kernel does not take of it.
    pub fn send<'a>(
        &mut self,
        mut stream: &UnixStream,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> io::Result<()> {
        let length: usize = pieces.clone().map(<[u8]>::len).sum();
        let mut taken = 0;
        if length >= LARGE_BYTES && pieces.clone().count() < MAX_PIECES {
            self.flush(stream)?;
            if self.queued() == 0 {
                let mut slices = [IoSlice::new(&[]); MAX_PIECES];
                for (slice, piece) in slices.iter_mut().zip(pieces.clone()) {
                    *slice = IoSlice::new(piece);
                }
                taken = patiently(|| stream.write_vectored(&slices))?;
            }
        }
        self.queue.try_reserve(length - taken).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        for piece in pieces {
            let skipped = taken.min(piece.len());
            taken -= skipped;
            self.queue.extend_from_slice(piece.get(skipped..).unwrap_or_default());
        }
        Ok(())
    }

    /// Hands over what the kernel takes.
    pub fn flush(&mut self, mut stream: &UnixStream) -> io::Result<()> {
        while self.queued() > 0 {
            let rest = self.queue.get(self.sent..).unwrap_or_default();
            match patiently(|| stream.write(rest))? {
                0 => break,
                count => self.sent += count,
            }
        }
        if self.queued() == 0 {
            self.queue.clear();
            self.queue.shrink_to(MAX_KEPT_BYTES);
            self.sent = 0;
        } else if self.sent > self.queue.len() / 2 {
            self.queue.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}

/// 0 if the kernel takes no bytes now.
fn patiently(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match write() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            result => return result,
        }
    }
}
