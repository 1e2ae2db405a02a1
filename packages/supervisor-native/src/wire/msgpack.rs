//! Writes plain MessagePack.

use super::sink::Sink;

#[derive(Default)]
pub struct Msgpack {
    pub bytes: Vec<u8>,
}

impl Msgpack {
    fn header(&mut self, token: u8, payload: &[u8]) {
        self.bytes.push(token);
        self.bytes.extend_from_slice(payload);
    }

    fn counted(&mut self, small: Option<(u8, usize)>, eight: Option<u8>, sixteen: u8, length: usize) {
        let byte = u8::try_from(length);
        match (small, eight, byte) {
            (Some((base, most)), _, Ok(length)) if usize::from(length) <= most => self.bytes.push(base | length),
            (_, Some(token), Ok(length)) => self.header(token, &[length]),
            _ => match u16::try_from(length) {
                Ok(length) => self.header(sixteen, &length.to_be_bytes()),
                // Bounded far below by what may be sent.
                Err(_) => self.header(sixteen + 1, &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()),
            },
        }
    }

    /// The header of bytes that the caller sends behind it.
    pub fn bytes_header(&mut self, length: usize) {
        self.counted(None, Some(0xc4), 0xc5, length);
    }
}

impl Sink for Msgpack {
    fn nil(&mut self) {
        self.bytes.push(0xc0);
    }

    fn bool(&mut self, value: bool) {
        self.bytes.push(if value { 0xc3 } else { 0xc2 });
    }

    fn int(&mut self, value: i64) {
        if let Ok(small @ -32..=127) = i8::try_from(value) {
            self.bytes.push(small.cast_unsigned());
        } else if let Ok(value) = u8::try_from(value) {
            self.header(0xcc, &[value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.header(0xcd, &value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.header(0xce, &value.to_be_bytes());
        } else {
            self.header(0xd3, &value.to_be_bytes());
        }
    }

    fn float(&mut self, value: f64) {
        self.header(0xcb, &value.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.counted(Some((0xa0, 31)), Some(0xd9), 0xda, text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes_header(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn array(&mut self, items: usize) {
        self.counted(Some((0x90, 15)), None, 0xdc, items);
    }

    fn map(&mut self, entries: usize) {
        self.counted(Some((0x80, 15)), None, 0xde, entries);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn end(&mut self) {}
}
