//! One output stream of the task: the pipe of the present run, and what is kept of all runs.

use super::mirror::Mirror;
use super::offset_buffer::OffsetBuffer;
use super::order_log::OrderLog;
use super::source::{READ_BYTES, Read, Source};
use super::spool::output_spool::OutputSpool;
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
    /// Where the bytes are kept as well; None if memory alone keeps them.
    spool: Option<OutputSpool>,
}

/// The result of one read of the pipe.
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
    /// There is a byte at the offset.
    pub has_byte: bool,
    pub eof: bool,
    pub end_offset: u64,
}

impl Output {
    pub fn new(id: u8, capacity: u64, overflow: Overflow, start: u64, spool: Option<OutputSpool>) -> Self {
        // With `block` nothing is dropped to make room: there is always enough before a read, or no read. What is not in files yet
        // stays.
        let is_bounded = overflow == Overflow::Discard && spool.is_none();
        let buffer = OffsetBuffer::new(if is_bounded { capacity } else { u64::MAX }, start);
        Self {
            id,
            capacity,
            overflow,
            buffer,
            source: None,
            run_offset: start,
            error: None,
            eof: false,
            is_keeping: true,
            dropped: 0,
            is_unread: false,
            mirror: None,
            spool,
        }
    }

    pub fn id(&self) -> u8 {
        self.id
    }

    /// One past the newest byte that clients may hear of.
    pub fn end_offset(&self) -> u64 {
        self.spool.as_ref().map_or_else(|| self.read_offset(), OutputSpool::visible_offset)
    }

    /// One past the newest byte that was read.
    pub fn read_offset(&self) -> u64 {
        self.buffer.end_offset() + self.dropped
    }

    pub fn spool_mut(&mut self) -> Option<&mut OutputSpool> {
        self.spool.as_mut()
    }

    /// Where nothing is kept that is the end.
    pub fn first_offset(&self) -> u64 {
        if let Some(spool) = &self.spool {
            return spool.first_offset(&self.buffer).unwrap_or_else(|| self.end_offset());
        }
        if self.buffer.kept() > 0 { self.buffer.first_offset() } else { self.end_offset() }
    }

    pub fn run_offset(&self) -> u64 {
        self.run_offset
    }

    /// Offsets count from 0, so whatever is not kept any more was dropped.
    pub fn discarded(&self) -> u64 {
        let first = self.spool.as_ref().and_then(|spool| spool.first_offset(&self.buffer));
        first.unwrap_or_else(|| self.buffer.first_offset()) + self.dropped
    }

    pub fn eof(&self) -> bool {
        self.eof
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref().or_else(|| self.spool.as_ref().and_then(OutputSpool::error))
    }

    /// The present run's writers are all gone, or there is no run, and clients may hear of all that came.
    pub fn has_ended(&self) -> bool {
        self.source.is_none() && self.end_offset() == self.read_offset()
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
        self.run_offset = self.read_offset();
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
        if self.source.is_none() { self.error.clone() } else { None }
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

    /// Returns what files may forget, if there are any.
    pub fn discard(&mut self, up_to: u64) -> Option<u64> {
        match &mut self.spool {
            Some(spool) => Some(spool.discard(up_to, &mut self.buffer)),
            None => {
                self.buffer.discard(up_to);
                None
            }
        }
    }

    /// What a read of that place gives now. A byte may be there though none is given: one that is in files alone, and for a read of none.
    pub fn look(&self, from: u64, most: u64) -> Found {
        let end_offset = self.end_offset();
        let kept_end = self.buffer.end_offset().min(end_offset);
        let in_files = self.place_in_files(from);
        let start = in_files.unwrap_or_else(|| from.max(self.buffer.first_offset()));
        let has_byte = start < kept_end;
        let offset = if has_byte { start } else { end_offset };
        let length = if in_files.is_some() { 0 } else { kept_end.saturating_sub(start).min(most) };
        Found { offset, length, has_byte, eof: self.eof && offset + length == end_offset, end_offset }
    }

    /// The offset that a read begins at, if its first byte is in files alone.
    pub fn place_in_files(&self, from: u64) -> Option<u64> {
        self.spool.as_ref()?.place_in_files(from, &self.buffer)
    }

    /// What is to be written to files next, and whether that is all.
    pub fn next_part(&self) -> (Option<(u64, Vec<u8>)>, bool) {
        self.spool.as_ref().map_or((None, true), |spool| spool.next_part(&self.buffer))
    }

    /// What was read before `end` is in files, as far as it can be.
    pub fn publish(&mut self, end: u64) {
        if let Some(spool) = &mut self.spool {
            spool.publish(end, &mut self.buffer);
        }
    }

    pub fn set_order_behind(&mut self, is_behind: bool) {
        if let Some(spool) = &mut self.spool {
            spool.is_order_behind = is_behind;
        }
    }

    /// A new run tries again what has failed.
    pub fn retry_spool(&mut self) {
        self.spool.as_mut().into_iter().for_each(OutputSpool::retry);
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
                order.add(self.id, self.read_offset(), count as u64, unix_ms());
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
        if self.overflow == Overflow::Discard {
            return READ_BYTES;
        }
        let room = self.spool.as_ref().map_or(self.capacity, |spool| self.capacity.min(spool.max_bytes()));
        (room / 4).clamp(1, READ_BYTES)
    }

    fn may_read(&self) -> bool {
        let must_pause = self.mirror.as_ref().is_some_and(Mirror::is_full)
            || self.spool.as_ref().is_some_and(|spool| spool.is_behind(&self.buffer));
        (self.is_unread || self.has_room()) && !must_pause
    }

    fn has_room(&self) -> bool {
        if self.overflow == Overflow::Discard || !self.is_keeping {
            return true;
        }
        if let Some(spool) = &self.spool {
            return spool.has_room(&self.buffer, self.read_size());
        }
        self.capacity.saturating_sub(self.buffer.kept()) >= self.read_size()
    }
}
