//! One output stream of the task: the pipe of the present run, and what is kept of all runs.

use super::mirror::Mirror;
use super::offset_buffer::OffsetBuffer;
use super::order_log::OrderLog;
use super::source::{READ_BYTES, Read, Source};
use crate::clock::unix_ms;
use crate::launch::spec::Overflow;
use crate::sys::PollFd;
use std::os::fd::OwnedFd;

/// A read that fills the room that it was given is followed by the next one at once, so often, before others get their turn.
const READS_IN_A_ROW: u32 = 8;

/// The most that a pipe can hold on Linux unless raised; a drain stops there, for a grandchild may write on for ever.
const MAX_DRAIN_BYTES: u64 = 1024 * 1024;

pub struct Output {
    id: u8,
    capacity: u64,
    overflow: Overflow,
    buffer: OffsetBuffer,
    /// The pipe of the present run; None once all its writers are gone.
    source: Option<Source>,
    run_offset: u64,
    error: Option<String>,
    eof: bool,
    is_keeping: bool,
    /// Bytes that came when nothing more was kept: they lie behind all that the buffer holds.
    dropped: u64,
    /// The first read of a run is made whatever is kept, so that a reader who waits behind what the runs before left finds out that
    /// there is more, and discards.
    is_unread: bool,
    /// Where the bytes are shown as well.
    mirror: Option<Mirror>,
}

/// What one look at the pipe brought.
enum Got {
    /// So many bytes, and whether there may be more at once.
    Bytes(u64, bool),
    Nothing,
    End,
}

/// What a reader asked for.
pub struct Found {
    pub offset: u64,
    pub length: u64,
    pub eof: bool,
    pub end_offset: u64,
}

impl Output {
    pub fn new(id: u8, capacity: u64, overflow: Overflow) -> Self {
        // With `block` nothing is dropped to make room: there is always enough before a read, or no read.
        let buffer = OffsetBuffer::new(if overflow == Overflow::Block { u64::MAX } else { capacity });
        Self {
            id,
            capacity,
            overflow,
            buffer,
            source: None,
            run_offset: 0,
            error: None,
            eof: false,
            is_keeping: true,
            dropped: 0,
            is_unread: false,
            mirror: None,
        }
    }

    pub fn id(&self) -> u8 {
        self.id
    }

    pub fn end_offset(&self) -> u64 {
        self.buffer.end_offset() + self.dropped
    }

    /// Where nothing is kept that is the end.
    pub fn first_offset(&self) -> u64 {
        if self.buffer.kept() > 0 { self.buffer.first_offset() } else { self.end_offset() }
    }

    pub fn run_offset(&self) -> u64 {
        self.run_offset
    }

    /// Offsets count from 0, so whatever is not kept any more was dropped.
    pub fn discarded(&self) -> u64 {
        self.buffer.first_offset() + self.dropped
    }

    pub fn eof(&self) -> bool {
        self.eof
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The present run's writers are all gone, or there is no run.
    pub fn has_ended(&self) -> bool {
        self.source.is_none()
    }

    /// The child waits until a reader discards.
    pub fn is_blocked(&self) -> bool {
        !self.has_ended() && !self.has_room()
    }

    /// Starts to read the pipe of a new run. The pipe of the run before is closed: a stale writer never mixes in. What was
    /// written there before is taken in, with `block` even beyond the capacity: it must not be lost, and cannot wait.
    pub fn attach(&mut self, end: OwnedFd, order: &mut OrderLog) {
        self.drain_while(order, |_| true);
        self.source = Some(Source::new(end));
        self.run_offset = self.end_offset();
        self.eof = false;
        self.is_unread = true;
    }

    pub fn poll_fd(&self) -> Option<PollFd> {
        self.source.as_ref()?.poll_fd(self.may_read())
    }

    /// When `tick` has something to do.
    pub fn due_at(&self) -> Option<u64> {
        let source = self.source.as_ref().and_then(Source::due_at);
        source.into_iter().chain(self.mirror.as_ref().and_then(Mirror::due_at)).min()
    }

    /// From now on what comes is shown there as well.
    pub fn show_at(&mut self, mirror: Mirror) {
        self.mirror = Some(mirror);
    }

    pub fn mirror(&mut self) -> Option<&mut Mirror> {
        self.mirror.as_mut()
    }

    pub fn mirror_fd(&self) -> Option<PollFd> {
        self.mirror.as_ref().and_then(Mirror::poll_fd)
    }

    /// All that came has been shown, as far as it can be.
    pub fn is_shown(&self) -> bool {
        self.mirror.as_ref().is_none_or(Mirror::is_settled)
    }

    pub fn tick(&mut self, now: u64) {
        if let Some(source) = &mut self.source {
            source.tick(now);
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.tick(now);
        }
    }

    /// Reads what there is, some blocks at most. Returns the error that ended it, if one did.
    pub fn read_some(&mut self, order: &mut OrderLog) -> Option<String> {
        if !self.may_read() && self.source.as_mut().is_some_and(Source::is_at_end) {
            self.source = None;
        }
        for _ in 0..READS_IN_A_ROW {
            if !self.may_read() || !matches!(self.read_once(order), Got::Bytes(_, true)) {
                break;
            }
        }
        if self.has_ended() { self.error.clone() } else { None }
    }

    /// Reads what the pipe holds now, as far as it may be kept.
    pub fn drain(&mut self, order: &mut OrderLog) {
        self.drain_while(order, Self::has_room);
    }

    /// No byte can come until a restart: readers get the end. Returns whether that is new.
    pub fn set_eof(&mut self, eof: bool) -> bool {
        let is_new = eof && !self.eof;
        self.eof = eof;
        is_new
    }

    /// Stops reading for good.
    pub fn detach(&mut self) {
        self.source = None;
    }

    /// From now on bytes are read and dropped. The pipe is not closed: the child's end is open for reading too, so it would block.
    pub fn stop_keeping(&mut self) {
        self.is_keeping = false;
    }

    pub fn discard(&mut self, up_to: u64) {
        self.buffer.discard(up_to);
    }

    /// What a read of that place gives now.
    pub fn look(&self, from: u64, most: u64) -> Found {
        let end_offset = self.end_offset();
        let start = from.max(self.buffer.first_offset());
        let length = self.buffer.end_offset().saturating_sub(start).min(most);
        let offset = if length == 0 { end_offset } else { start };
        Found { offset, length, eof: self.eof && offset + length == end_offset, end_offset }
    }

    pub fn bytes(&self, found: &Found) -> impl Iterator<Item = &[u8]> + Clone {
        // Where there are none, the offset may lie behind what the buffer knows of.
        let from = found.offset.min(self.buffer.end_offset());
        self.buffer.read(from, usize::try_from(found.length).unwrap_or(usize::MAX))
    }

    fn drain_while(&mut self, order: &mut OrderLog, goes_on: fn(&Self) -> bool) {
        let mut drained = 0;
        while drained < MAX_DRAIN_BYTES && goes_on(self) {
            match self.read_once(order) {
                Got::Bytes(count, _) => drained += count,
                Got::Nothing | Got::End => return,
            }
        }
    }

    fn read_once(&mut self, order: &mut OrderLog) -> Got {
        let most = usize::try_from(self.read_size()).unwrap_or(usize::MAX);
        let Some(source) = &mut self.source else { return Got::End };
        let mut unkept = [0; 4096];
        let room = if self.is_keeping { self.buffer.room(most) } else { Some(unkept.as_mut_slice()) };
        let Some(room) = room else {
            source.retry_later();
            return Got::Nothing;
        };
        match source.read(room) {
            Read::Bytes(count) => {
                let filled = count == room.len();
                if let Some(mirror) = &mut self.mirror {
                    mirror.push(room.get(..count).unwrap_or_default());
                }
                self.is_unread = false;
                order.add(self.id, self.end_offset(), count as u64, unix_ms());
                if self.is_keeping {
                    self.buffer.take(count);
                } else {
                    self.dropped += count as u64;
                }
                Got::Bytes(count as u64, filled)
            }
            Read::Nothing => Got::Nothing,
            Read::End(error) => {
                self.source = None;
                self.error = error.or_else(|| self.error.take());
                Got::End
            }
        }
    }

    /// With `block` a read must fit whatever it brings, so it is never larger than a quarter of the buffer.
    fn read_size(&self) -> u64 {
        if self.overflow == Overflow::Discard { READ_BYTES } else { (self.capacity / 4).clamp(1, READ_BYTES) }
    }

    fn may_read(&self) -> bool {
        (self.is_unread || self.has_room()) && !self.mirror.as_ref().is_some_and(Mirror::is_full)
    }

    fn has_room(&self) -> bool {
        self.overflow == Overflow::Discard
            || !self.is_keeping
            || self.capacity.saturating_sub(self.buffer.kept()) >= self.read_size()
    }
}
