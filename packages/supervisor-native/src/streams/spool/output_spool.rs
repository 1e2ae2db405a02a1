//! One output in files: what of it was written, and what clients may hear of. The newest bytes are in memory as well.

use super::files::Known;
use crate::streams::offset_buffer::OffsetBuffer;

/// Bytes that may wait for the disk before no more are read; less if memory is to hold less.
const MAX_WAITING_BYTES: u64 = 1024 * 1024;

/// Bytes that are handed to the writer at a time.
const MAX_PART_BYTES: u64 = 4 * 1024 * 1024;

pub struct OutputSpool {
    known: Known,
    max_bytes: u64,
    capacity: u64,
    /// Nothing may be dropped but what clients discard.
    blocks: bool,
    /// The bytes before are in files, as far as they are kept.
    written_offset: u64,
    visible_offset: u64,
    discarded_offset: u64,
    error: Option<String>,
    /// As many chunks of the order as may wait for the disk do.
    pub is_order_behind: bool,
}

impl OutputSpool {
    pub fn new(known: Known, max_bytes: u64, capacity: u64, blocks: bool, start: u64) -> Self {
        Self {
            known,
            max_bytes,
            capacity,
            blocks,
            written_offset: start,
            visible_offset: start,
            discarded_offset: 0,
            error: None,
            is_order_behind: false,
        }
    }

    /// Why nothing more is written.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// One past the newest byte that clients may hear of.
    pub fn visible_offset(&self) -> u64 {
        self.visible_offset
    }

    /// The oldest byte that is kept.
    pub fn first_offset(&self, buffer: &OffsetBuffer) -> Option<u64> {
        let end = buffer.end_offset().min(self.visible_offset);
        let in_memory = Some(buffer.first_offset()).filter(|first| *first < end);
        let first = self.known.first_offset().into_iter().chain(in_memory).min()?;
        Some(first.max(self.discarded_offset)).filter(|first| *first < end)
    }

    /// Reading should pause: the disk is slower.
    pub fn is_behind(&self, buffer: &OffsetBuffer) -> bool {
        self.is_order_behind
            || self.error.is_none() && self.waiting_bytes(buffer) >= MAX_WAITING_BYTES.min(self.capacity)
    }

    /// Whether a read of that size can be kept, if nothing may be dropped.
    pub fn has_room(&self, buffer: &OffsetBuffer, bytes: u64) -> bool {
        let room = if self.error.is_none() { self.max_bytes.saturating_sub(self.known.bytes()) } else { self.capacity };
        room.saturating_sub(self.waiting_bytes(buffer)) >= bytes
    }

    /// What is to be written next, and whether that is all.
    pub fn next_part(&self, buffer: &OffsetBuffer) -> (Option<(u64, Vec<u8>)>, bool) {
        // After a failure older bytes may be gone.
        let from = self.written_offset.max(buffer.first_offset());
        let waiting = buffer.end_offset().saturating_sub(from);
        if waiting == 0 || self.error.is_some() {
            return (None, true);
        }
        let most = waiting.min(MAX_PART_BYTES);
        let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or(0));
        buffer.read(from, bytes.capacity()).for_each(|piece| bytes.extend_from_slice(piece));
        (Some((from, bytes)), most == waiting)
    }

    pub fn written(&mut self, end: u64) {
        self.written_offset = end;
    }

    pub fn failed(&mut self, error: &std::io::Error) -> String {
        let words = format!("spool: {error}");
        self.error = Some(words.clone());
        words
    }

    /// Clients may hear of the bytes before `end`. Memory may drop what is in files.
    pub fn publish(&mut self, end: u64, buffer: &mut OffsetBuffer) {
        self.visible_offset = self.visible_offset.max(end);
        self.trim(buffer);
    }

    /// Tries again to write, also what memory alone holds.
    pub fn retry(&mut self) {
        self.error = None;
    }

    /// The files are gone, or for others to read.
    pub fn close(&mut self) {
        self.known = Known::default();
    }

    /// Returns what the files may forget.
    pub fn discard(&mut self, up_to: u64, buffer: &mut OffsetBuffer) -> u64 {
        self.discarded_offset = self.discarded_offset.max(up_to.min(self.visible_offset));
        self.trim(buffer);
        self.discarded_offset
    }

    /// The offset that a read begins at, if its first byte is in files alone.
    pub fn place_in_files(&self, from: u64, buffer: &OffsetBuffer) -> Option<u64> {
        self.known.find(from.max(self.discarded_offset)).filter(|offset| *offset < buffer.first_offset())
    }

    fn waiting_bytes(&self, buffer: &OffsetBuffer) -> u64 {
        buffer.end_offset().saturating_sub(self.written_offset.max(buffer.first_offset()))
    }

    fn trim(&self, buffer: &mut OffsetBuffer) {
        let written = self.written_offset.min(self.visible_offset);
        let is_broken = self.error.is_some();
        let droppable = if is_broken && !self.blocks { self.visible_offset } else { written };
        buffer.discard(buffer.end_offset().saturating_sub(self.capacity).min(droppable));
        if !is_broken {
            // Memory holds nothing older than the files, so that readers of either find the same.
            buffer.discard(self.known.first_offset().unwrap_or(0).min(written));
        }
        buffer.discard(self.discarded_offset.min(if is_broken { self.visible_offset } else { written }));
    }
}
