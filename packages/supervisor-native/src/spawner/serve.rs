//! The loop of a spawner: one socket, and the pipes of all launches.

use super::frames::{CLOSE, DATA, EOF, Frame, Inbox, LAUNCH};
use super::launch::Launch;
use super::plan::Plan;
use crate::sys::{self, PollFd};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Bytes that wait to be sent; above it nothing more is read. A caller that does not read has no use for more.
const MAX_QUEUED_BYTES: usize = 256 * 1024;
/// An empty queue keeps no more memory than this.
const MAX_KEPT_BYTES: usize = 16 * 1024;
const SCRATCH_BYTES: usize = 64 * 1024;

/// Serves until the caller closes the socket, or dies. Launches under way then lose their pipes, as if they had its own.
pub fn serve(socket: OwnedFd) -> io::Result<()> {
    sys::set_nonblocking(socket.as_fd())?;
    let mut spawner = Spawner { socket, out: Vec::new(), launches: Vec::new() };
    let mut inbox = Inbox::default();
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut fds = Vec::new();
    loop {
        let places = spawner.gather(&mut fds);
        sys::poll(&mut fds, -1);
        let is_ready = |place: Option<usize>| place.and_then(|place| fds.get(place)).is_some_and(PollFd::is_ready);
        if spawner.may_read() && is_ready(Some(0)) {
            match sys::read(spawner.socket.as_fd(), &mut scratch) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let bytes = scratch.get(..count).unwrap_or_default();
                    inbox.receive(bytes, |frame| spawner.handle(&frame))?;
                }
                Err(error) if is_to_be_repeated(&error) => {}
                // The caller died with frames of ours unread.
                Err(_) => return Ok(()),
            }
        }
        for (id, [stdin, stderr]) in places {
            spawner.turn(id, is_ready(stdin), is_ready(stderr), &mut scratch);
        }
        if spawner.flush().is_err() {
            return Ok(());
        }
    }
}

struct Spawner {
    socket: OwnedFd,
    /// Frames that wait to be sent.
    out: Vec<u8>,
    launches: Vec<Launch>,
}

/// Where the two pipes of a launch are in a poll.
type Places = Vec<(u32, [Option<usize>; 2])>;

impl Spawner {
    fn may_read(&self) -> bool {
        self.out.len() < MAX_QUEUED_BYTES
    }

    fn gather(&self, fds: &mut Vec<PollFd>) -> Places {
        fds.clear();
        let may_read = self.may_read();
        fds.push(PollFd::new(self.socket.as_raw_fd(), may_read, !self.out.is_empty()));
        let mut add = |fd: Option<PollFd>| {
            fds.push(fd?);
            Some(fds.len() - 1)
        };
        self.launches.iter().map(|launch| (launch.id, launch.poll_fds(may_read).map(&mut add))).collect()
    }

    fn handle(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let broken = |what: &str| Err(io::Error::new(ErrorKind::InvalidData, what.to_owned()));
        let place = self.launches.iter().position(|launch| launch.id == frame.id);
        let launch = place.and_then(|place| self.launches.get_mut(place));
        match (frame.kind, launch) {
            (LAUNCH, Some(_)) => return broken("the id of a launch that is under way was used again"),
            (LAUNCH, None) => {
                let Some(plan) = Plan::parse(frame.payload) else { return broken("a LAUNCH that is none") };
                self.launches.extend(Launch::start(frame.id, &plan, &mut self.out));
            }
            (DATA, Some(launch)) => launch.push(frame.payload, &mut self.out)?,
            (EOF, Some(launch)) => launch.end_stdin(&mut self.out),
            (CLOSE, Some(_)) => self.launches.retain(|launch| launch.id != frame.id),
            // It has ended meanwhile.
            (DATA | EOF | CLOSE, None) => {}
            _ => return broken("a frame of a kind that is not known"),
        }
        Ok(())
    }

    fn turn(&mut self, id: u32, may_write: bool, may_read: bool, scratch: &mut [u8]) {
        let Some(place) = self.launches.iter().position(|launch| launch.id == id) else { return };
        let Some(launch) = self.launches.get_mut(place) else { return };
        if may_write {
            launch.flush(&mut self.out);
        }
        if may_read && self.out.len() < MAX_QUEUED_BYTES && launch.read_stderr(scratch, &mut self.out) {
            self.launches.swap_remove(place);
        }
    }

    /// Sends what the socket takes. Fails when the caller is gone.
    fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match sys::write(self.socket.as_fd(), &self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if error.raw_os_error() == Some(sys::EAGAIN) => return Ok(()),
                Err(error) if is_to_be_repeated(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.out.shrink_to(MAX_KEPT_BYTES);
        Ok(())
    }
}

fn is_to_be_repeated(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(sys::EINTR | sys::EAGAIN))
}
