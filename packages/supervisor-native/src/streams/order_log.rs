//! The order and time in which chunks of stdout and stderr were read. It is the order of reading, not of writing: the kernel
//! does not say which of two pipes was written first.

use std::collections::VecDeque;

/// Chunks whose order is kept: 256 KiB at most.
const MAX_CHUNKS: usize = 8_192;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    pub stream: u8,
    pub offset: u64,
    pub length: u64,
    /// Unix time in ms.
    pub at: i64,
}

/// The newest chunks, numbered from 0.
#[derive(Default)]
pub struct OrderLog {
    chunks: VecDeque<Chunk>,
    first_seq: u64,
    /// Chunks below this number were handed out, and must not change.
    seen_seq: u64,
}

impl OrderLog {
    /// The first chunk has that number.
    pub fn starting_at(seq: u64) -> Self {
        Self { chunks: VecDeque::new(), first_seq: seq, seen_seq: seq }
    }

    /// Number of the oldest chunk that is known here.
    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub fn end_seq(&self) -> u64 {
        self.first_seq + self.chunks.len() as u64
    }

    /// Notes a chunk. Chunks of one stream that follow each other within a millisecond become one, unless a reader may have
    /// it already.
    pub fn add(&mut self, stream: u8, offset: u64, length: u64, at: i64) {
        let may_grow = self.seen_seq < self.end_seq();
        if let Some(last) = self.chunks.back_mut()
            && may_grow
            && (last.stream, last.offset + last.length, last.at) == (stream, offset, at)
        {
            last.length += length;
            return;
        }
        if self.chunks.len() == MAX_CHUNKS {
            self.chunks.pop_front();
            self.first_seq += 1;
        }
        self.chunks.push_back(Chunk { stream, offset, length, at });
    }

    /// Chunks from a number on, and the number of the first one: later than `from` if older ones are gone.
    pub fn read(&mut self, from: u64, most: usize) -> (u64, impl ExactSizeIterator<Item = &Chunk>) {
        let seq = from.clamp(self.first_seq, self.end_seq());
        let start = usize::try_from(seq - self.first_seq).unwrap_or(usize::MAX);
        let end = start.saturating_add(most).min(self.chunks.len());
        self.seen_seq = self.seen_seq.max(self.first_seq + end as u64);
        (seq, self.chunks.range(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_the_same_millisecond_become_one_until_they_are_read() {
        let mut log = OrderLog::default();
        log.add(1, 0, 10, 5);
        log.add(1, 10, 5, 5);
        assert_eq!(log.read(0, 9).1.copied().collect::<Vec<_>>(), [Chunk { stream: 1, offset: 0, length: 15, at: 5 }]);
        log.add(1, 15, 5, 5);
        log.add(2, 0, 1, 5);
        log.add(1, 20, 1, 6);
        assert_eq!(log.end_seq(), 4);
        assert_eq!([1, 99].map(|from| log.read(from, 1).0), [1, 4]);
    }

    #[test]
    fn the_oldest_chunks_are_forgotten() {
        let mut log = OrderLog::default();
        for n in 0..10_000 {
            log.add(1 + (n % 2) as u8, n, 1, 0);
        }
        let (seq, chunks) = log.read(0, 1);
        assert_eq!((seq, chunks.len()), (10_000 - MAX_CHUNKS as u64, 1));
    }
}
