//! The newest bytes of a stream, addressed by offsets that never move.

use crate::sys::Pages;
use std::collections::VecDeque;

/// Unit of allocation: large enough to be rare, small enough that a quiet stream costs little (untouched pages cost nothing).
pub const BLOCK_BYTES: u64 = 64 * 1024;
const BLOCK_SIZE: usize = 64 * 1024;

/// `end_offset` counts every byte that was ever appended, `first_offset` is the oldest byte still kept. Memory grows only as
/// used and is given back as bytes are dropped.
pub struct OffsetBuffer {
    /// The most bytes that are kept; `u64::MAX` if the caller bounds them.
    capacity: u64,
    blocks: VecDeque<Pages>,
    /// Offset of the first byte of the first block; `first_offset` may lie within that block.
    base_offset: u64,
    first_offset: u64,
    end_offset: u64,
    /// One emptied block kept for the next bytes, so that a flood allocates nothing.
    spare: Option<Pages>,
}

impl OffsetBuffer {
    /// It begins at that offset.
    pub fn new(capacity: u64, start: u64) -> Self {
        let (blocks, spare) = (VecDeque::new(), None);
        Self { capacity, blocks, base_offset: start, first_offset: start, end_offset: start, spare }
    }

    pub fn first_offset(&self) -> u64 {
        self.first_offset
    }

    pub fn end_offset(&self) -> u64 {
        self.end_offset
    }

    pub fn kept(&self) -> u64 {
        self.end_offset - self.first_offset
    }

    /// Memory for the next read, at most `most`; `commit` then appends its bytes. None if there is no memory.
    pub fn room(&mut self, most: usize) -> Option<&mut [u8]> {
        let (index, inside) = self.place(self.end_offset);
        if index == self.blocks.len() {
            let block = self.new_block()?;
            self.blocks.push_back(block);
        }
        let (index, _) = self.place(self.end_offset);
        let length = most.min(BLOCK_SIZE - inside);
        self.blocks.get_mut(index)?.bytes_mut().get_mut(inside..inside + length)
    }

    /// Appends the first bytes of the reserved memory; drops the oldest bytes above the capacity.
    pub fn take(&mut self, count: usize) {
        self.end_offset += count as u64;
        self.discard(self.end_offset.saturating_sub(self.capacity));
    }

    /// Bytes from an offset on, in one piece for each block, `most` in all. The offset must be one that is kept.
    pub fn read(&self, from: u64, most: usize) -> impl Iterator<Item = &[u8]> + Clone {
        let (first, inside) = self.place(from.clamp(self.first_offset, self.end_offset));
        let kept = usize::try_from(self.end_offset.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut left = most.min(kept);
        let mut start = inside;
        self.blocks.iter().skip(first).map_while(move |block| {
            let length = left.min(BLOCK_SIZE - start);
            let piece = block.bytes().get(start..start + length).filter(|piece| !piece.is_empty())?;
            left -= length;
            start = 0;
            Some(piece)
        })
    }

    /// Forgets what lies before `up_to`.
    pub fn discard(&mut self, up_to: u64) {
        self.first_offset = up_to.clamp(self.first_offset, self.end_offset);
        while self.base_offset + BLOCK_BYTES <= self.first_offset
            && let Some(block) = self.blocks.pop_front()
        {
            self.spare = Some(block);
            self.base_offset += BLOCK_BYTES;
        }
    }

    /// Where there is no memory the oldest bytes make room, if there are whole blocks of them.
    fn new_block(&mut self) -> Option<Pages> {
        if let Some(block) = self.spare.take().or_else(|| Pages::new(BLOCK_SIZE)) {
            return Some(block);
        }
        if self.capacity != u64::MAX && !self.blocks.is_empty() {
            self.discard(self.base_offset + BLOCK_BYTES);
        }
        self.spare.take()
    }

    fn place(&self, offset: u64) -> (usize, usize) {
        let inside = offset - self.base_offset;
        // Bounded by the memory of this machine.
        ((inside / BLOCK_BYTES) as usize, (inside % BLOCK_BYTES) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(buffer: &mut OffsetBuffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = buffer.room(bytes.len()).unwrap();
            let count = room.len();
            room.copy_from_slice(&bytes[..count]);
            buffer.take(count);
            bytes = &bytes[count..];
        }
    }

    fn whole(buffer: &OffsetBuffer, from: u64, most: usize) -> Vec<u8> {
        buffer.read(from, most).flatten().copied().collect()
    }

    #[test]
    fn the_newest_bytes_are_kept_and_offsets_never_move() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        for capacity in [1, 1_000, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 1_000_000] {
            let mut buffer = OffsetBuffer::new(capacity, 0);
            for piece in bytes.chunks(7_777) {
                append(&mut buffer, piece);
                assert!(buffer.kept() <= capacity);
            }
            let first = bytes.len() - usize::try_from(capacity).unwrap().min(bytes.len());
            assert_eq!((buffer.first_offset(), buffer.end_offset()), (first as u64, bytes.len() as u64));
            assert_eq!(whole(&buffer, first as u64, usize::MAX), &bytes[first..]);
            assert!(buffer.blocks.len() as u64 <= capacity / BLOCK_BYTES + 2);
        }
    }

    #[test]
    fn a_read_gives_no_more_than_asked_for() {
        let mut buffer = OffsetBuffer::new(u64::MAX, 0);
        append(&mut buffer, &vec![7; 200_000]);
        assert_eq!(whole(&buffer, 65_535, 2), [7, 7]);
        assert_eq!(whole(&buffer, 199_999, 100), [7]);
        assert_eq!(whole(&buffer, 200_000, 100), []);
        buffer.discard(200_000);
        assert_eq!((buffer.kept(), buffer.blocks.len()), (0, 1));
    }
}
