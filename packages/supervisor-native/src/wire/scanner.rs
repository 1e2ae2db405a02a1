//! Finds where MessagePack messages end in a stream of bytes, and holds the bounds before anything is decoded: a header that
//! declares too much is refused when the header is there, not when its bytes are. A message may come in any pieces; the cost
//! stays linear in its bytes.

use super::limits::{Limits, MAX_INTEGER};
use std::fmt;

/// Why no later message can be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    Type(u8),
    Key,
    Text,
    Integer,
    Elements(usize),
    Depth(usize),
    Bytes(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a message holds ")?;
        match self {
            Self::Type(token) => write!(out, "a value of type {token:#x}, which is not plain MessagePack"),
            Self::Key => out.write_str("a map key that is not a string"),
            Self::Text => out.write_str("a string that is not UTF-8"),
            Self::Integer => out.write_str("an integer beyond 2^53 - 1"),
            Self::Elements(limit) => write!(out, "more than {limit} elements"),
            Self::Depth(limit) => write!(out, "more than {limit} levels"),
            Self::Bytes(limit) => write!(out, "more than {limit} bytes"),
        }
    }
}

/// An array or map that waits for values; a key and its value are two.
#[derive(Clone, Copy)]
struct Open {
    waiting: usize,
    is_map: bool,
}

/// How far one message has been scanned.
pub struct Scanner {
    limits: Limits,
    /// Bytes of the message that are scanned.
    at: usize,
    /// Payload bytes to skip until the value at hand is complete; otherwise `at` is at a value's first byte.
    skip: usize,
    /// Bytes of the current string; 0 if the current value is none.
    text: usize,
    open: Vec<Open>,
    elements: usize,
    holds_whole_float: bool,
    held_whole_float: bool,
}

impl Scanner {
    pub fn new(limits: Limits) -> Self {
        let open = Vec::new();
        Self { limits, at: 0, skip: 0, text: 0, open, elements: 0, holds_whole_float: false, held_whole_float: false }
    }

    /// Whether the message that was whole last holds a float which is a whole number, such as 1.0.
    pub fn held_whole_float(&self) -> bool {
        self.held_whole_float
    }

    /// Goes on in a message of which these bytes are there, the scanned ones included. Returns its length once it is whole.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        loop {
            if self.skip == 0 {
                let rest = bytes.get(self.at..).unwrap_or_default();
                // As soon as its first byte is there.
                if rest.first().is_some_and(|token| is_number(*token)) && self.is_at_key() {
                    return Err(Broken::Key);
                }
                let Some(header) = Header::read(rest) else { return Ok(None) };
                if self.take(&header)? {
                    continue;
                }
            }
            let skipped = self.skip.min(bytes.len().saturating_sub(self.at));
            self.at += skipped;
            self.skip -= skipped;
            if self.skip > 0 {
                return Ok(None);
            }
            self.check_text(bytes)?;
            if self.close_value() {
                let length = self.at;
                let (open, held_whole_float) = (std::mem::take(&mut self.open), self.holds_whole_float);
                *self = Self { open, held_whole_float, ..Self::new(self.limits) };
                return Ok(Some(length));
            }
        }
    }

    /// Takes a value's header; true if it opened an array or map that waits for values.
    fn take(&mut self, header: &Header) -> Result<bool, Broken> {
        if let Kind::Refused(token) = header.kind {
            return Err(Broken::Type(token));
        }
        if !matches!(header.kind, Kind::Text(_)) && self.is_at_key() {
            return Err(Broken::Key);
        }
        self.at += header.bytes;
        match header.kind {
            Kind::Array(count) => self.open(count, false),
            Kind::Map(count) => self.open(count, true),
            Kind::Text(length) | Kind::Bytes(length) => {
                self.hold_bytes(length)?;
                self.skip = length;
                self.text = if matches!(header.kind, Kind::Text(_)) { length } else { 0 };
                Ok(false)
            }
            Kind::Float(value) => {
                self.holds_whole_float |= value.fract() == 0.0;
                self.hold_bytes(0).map(|()| false)
            }
            Kind::Integer(value) if !(-MAX_INTEGER..=MAX_INTEGER).contains(&value) => Err(Broken::Integer),
            _ => self.hold_bytes(0).map(|()| false),
        }
    }

    /// Once all of it is there.
    fn check_text(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let start = self.at - std::mem::take(&mut self.text);
        let text = bytes.get(start..self.at).unwrap_or_default();
        if std::str::from_utf8(text).is_ok() { Ok(()) } else { Err(Broken::Text) }
    }

    fn is_at_key(&self) -> bool {
        self.open.last().is_some_and(|top| top.is_map && top.waiting % 2 == 0)
    }

    fn open(&mut self, count: usize, is_map: bool) -> Result<bool, Broken> {
        let values = if is_map { count.saturating_mul(2) } else { count };
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(Broken::Elements(self.limits.elements));
        }
        if self.open.len() == self.limits.depth {
            return Err(Broken::Depth(self.limits.depth));
        }
        self.hold_bytes(values)?;
        if values > 0 {
            self.open.push(Open { waiting: values, is_map });
        }
        Ok(values > 0)
    }

    fn hold_bytes(&self, declared: usize) -> Result<(), Broken> {
        if self.at.saturating_add(declared) > self.limits.bytes {
            Err(Broken::Bytes(self.limits.bytes))
        } else {
            Ok(())
        }
    }

    /// Counts a complete value, and the arrays and maps that it completes; true if that was the whole message.
    fn close_value(&mut self) -> bool {
        while let Some(top) = self.open.last_mut() {
            top.waiting -= 1;
            if top.waiting > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// What a value's first bytes say.
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of the header; those of text and bytes follow it.
    pub(super) bytes: usize,
}

pub(super) enum Kind {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(usize),
    Bytes(usize),
    Array(usize),
    Map(usize),
    Refused(u8),
}

impl Header {
    /// None if the header is incomplete.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&token, rest) = bytes.split_first()?;
        let small = usize::from(token);
        let (kind, bytes) = match token {
            0x00..=0x7f => (Kind::Integer(i64::from(token)), 0),
            0x80..=0x8f => (Kind::Map(small & 0x0f), 0),
            0x90..=0x9f => (Kind::Array(small & 0x0f), 0),
            0xa0..=0xbf => (Kind::Text(small & 0x1f), 0),
            0xc0 => (Kind::Nil, 0),
            0xc2 | 0xc3 => (Kind::Bool(token == 0xc3), 0),
            0xc4..=0xc6 => (Kind::Bytes(length(rest, 1 << (token - 0xc4))?), 1 << (token - 0xc4)),
            0xca => (Kind::Float(f64::from(f32::from_be_bytes(array(rest)?))), 4),
            0xcb => (Kind::Float(f64::from_be_bytes(array(rest)?)), 8),
            0xcc => (Kind::Integer(i64::from(u8::from_be_bytes(array(rest)?))), 1),
            0xcd => (Kind::Integer(i64::from(u16::from_be_bytes(array(rest)?))), 2),
            0xce => (Kind::Integer(i64::from(u32::from_be_bytes(array(rest)?))), 4),
            0xcf => (Kind::Integer(i64::try_from(u64::from_be_bytes(array(rest)?)).unwrap_or(i64::MAX)), 8),
            0xd0 => (Kind::Integer(i64::from(i8::from_be_bytes(array(rest)?))), 1),
            0xd1 => (Kind::Integer(i64::from(i16::from_be_bytes(array(rest)?))), 2),
            0xd2 => (Kind::Integer(i64::from(i32::from_be_bytes(array(rest)?))), 4),
            0xd3 => (Kind::Integer(i64::from_be_bytes(array(rest)?)), 8),
            0xd9..=0xdb => (Kind::Text(length(rest, 1 << (token - 0xd9))?), 1 << (token - 0xd9)),
            0xdc | 0xdd => (Kind::Array(length(rest, 2 << (token - 0xdc))?), 2 << (token - 0xdc)),
            0xde | 0xdf => (Kind::Map(length(rest, 2 << (token - 0xde))?), 2 << (token - 0xde)),
            0xe0..=0xff => (Kind::Integer(i64::from(token.cast_signed())), 0),
            _ => (Kind::Refused(token), 0),
        };
        Some(Self { kind, bytes: bytes + 1 })
    }
}

/// One whose bytes follow, but for those of 64 bits.
fn is_number(token: u8) -> bool {
    matches!(token, 0xca..=0xce | 0xd0..=0xd2)
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn length(bytes: &[u8], width: usize) -> Option<usize> {
    Some(bytes.get(..width)?.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}
