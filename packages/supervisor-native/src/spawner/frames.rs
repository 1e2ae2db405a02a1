//! Frames as bytes.

use std::io::{self, ErrorKind};

pub const LAUNCH: u32 = 1;
pub const DATA: u32 = 2;
pub const EOF: u32 = 3;
pub const CLOSE: u32 = 4;
pub const STARTED: u32 = 5;
pub const FAILED: u32 = 6;
pub const TAKEN: u32 = 7;
pub const STDERR: u32 = 8;
pub const END: u32 = 9;

const HEADER_BYTES: usize = 12;

/// More than any kernel takes as argv and environment of a program (6 MiB).
pub const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;

/// An empty inbox keeps no more memory than this.
const MAX_KEPT_BYTES: usize = 4 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u32,
    pub id: u32,
    pub payload: &'a [u8],
}

/// Appends a frame.
pub fn write(out: &mut Vec<u8>, kind: u32, id: u32, payload: &[u8]) {
    for word in [kind, id, u32::try_from(payload.len()).unwrap_or(0)] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(payload);
}

/// The number at that place, of 32 bits.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(word))
}

/// What was received and is not handled yet: less than one frame, between two reads.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Takes what came and hands out all frames that are whole. Fails for a frame that is too large, before it is kept.
    pub fn receive(&mut self, bytes: &[u8], mut handle: impl FnMut(Frame<'_>) -> io::Result<()>) -> io::Result<()> {
        self.bytes.try_reserve(bytes.len()).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        self.bytes.extend_from_slice(bytes);
        let mut handled = 0;
        while let Some((frame, length)) = next(self.bytes.get(handled..).unwrap_or_default())? {
            handle(frame)?;
            handled += length;
        }
        self.bytes.drain(..handled);
        if self.bytes.is_empty() {
            self.bytes.shrink_to(MAX_KEPT_BYTES);
        }
        Ok(())
    }
}

fn next(bytes: &[u8]) -> io::Result<Option<(Frame<'_>, usize)>> {
    let (Some(kind), Some(id), Some(length)) = (word(bytes, 0), word(bytes, 4), word(bytes, 8)) else {
        return Ok(None);
    };
    let length = length as usize;
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("a frame of {length} bytes is too large")));
    }
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES + length);
    Ok(payload.map(|payload| (Frame { kind, id, payload }, HEADER_BYTES + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(pieces: &[&[u8]]) -> io::Result<Vec<(u32, u32, Vec<u8>)>> {
        let mut inbox = Inbox::default();
        let mut frames = Vec::new();
        for piece in pieces {
            inbox.receive(piece, |frame| {
                frames.push((frame.kind, frame.id, frame.payload.to_vec()));
                Ok(())
            })?;
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_the_same_in_whatever_pieces_they_come() {
        let mut bytes = Vec::new();
        write(&mut bytes, DATA, 7, b"some bytes");
        write(&mut bytes, EOF, 7, b"");
        write(&mut bytes, LAUNCH, u32::MAX, &[0; 300]);
        let expected = vec![(DATA, 7, b"some bytes".to_vec()), (EOF, 7, vec![]), (LAUNCH, u32::MAX, vec![0; 300])];
        for size in [1, 2, 11, 12, 13, 100, bytes.len()] {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(received(&pieces).unwrap(), expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_frame_that_is_too_large_is_refused_by_its_header() {
        let mut header = Vec::new();
        for word in [DATA, 1, MAX_FRAME_BYTES as u32 + 1] {
            header.extend_from_slice(&word.to_le_bytes());
        }
        assert!(received(&[&header]).is_err());
    }
}
