//! The messages of the documents, and mutations of them. The same seed gives the same bytes on every machine.

#![allow(dead_code, clippy::indexing_slicing, clippy::unwrap_used, reason = "tests; each takes what it needs")]

use std::path::Path;

/// Every block of that kind in the documents: the bytes in hex, the first line of it.
pub fn messages() -> Vec<Vec<u8>> {
    blocks("msgpack").iter().filter_map(|block| hex(block.lines().next()?)).collect()
}

/// The launch spec of the documents.
pub fn spec() -> Vec<u8> {
    let blocks = blocks("msgpack spec");
    hex(blocks.first().and_then(|block| block.lines().next()).unwrap()).unwrap()
}

/// Every block of the documents whose first line begins so.
pub fn blocks(tag: &str) -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut found = Vec::new();
    for name in ["launch.md", "wire.md", "pool-directory.md"] {
        let text = std::fs::read_to_string(docs.join(name)).unwrap();
        let parts = text.split("```").skip(1).step_by(2).filter_map(|part| part.strip_prefix(tag));
        found.extend(parts.filter_map(|part| Some(part.split_once('\n')?.1.to_owned())));
    }
    assert!(!found.is_empty(), "no block {tag} in the documents");
    found
}

pub fn hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.trim().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// xorshift64*: good enough to choose bytes.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let next = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        usize::try_from(next >> 32).unwrap() % most.max(1)
    }

    /// The bytes with some of them changed, left out, repeated, or put in from elsewhere.
    pub fn mutate(&mut self, bytes: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
        let mut mutated = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(mutated.len());
            let length = self.below(16).min(mutated.len() - at);
            match self.below(6) {
                0 if !mutated.is_empty() => mutated[at] = u8::try_from(self.below(256)).unwrap(),
                1 if !mutated.is_empty() => mutated[at] ^= 1 << self.below(8),
                2 => drop(mutated.drain(at..at + length)),
                3 => {
                    let again = mutated[at..at + length].to_vec();
                    mutated.splice(at..at, again);
                }
                4 => {
                    const HEADERS: [u8; 16] = [
                        0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xc0, 0xc1, 0xc6, 0xcb, 0xcf, 0xd3, 0xd4, 0xdb, 0xdd, 0xdf, 0xff,
                    ];
                    mutated.insert(at, HEADERS[self.below(HEADERS.len())]);
                }
                _ => {
                    let other = &others[self.below(others.len())];
                    let from = self.below(other.len());
                    let piece = &other[from..(from + self.below(32)).min(other.len())];
                    mutated.splice(at..at, piece.iter().copied());
                }
            }
        }
        mutated
    }
}
