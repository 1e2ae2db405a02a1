//! Decodes one message that a scanner has passed: the bounds were held there.

use super::scanner::{Header, Kind};
use super::value::{Value, without_repeats};

/// None if the bytes are not exactly one value.
pub fn decode(message: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: message };
    let value = reader.value()?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        let header = Header::read(self.rest)?;
        self.rest = self.rest.get(header.bytes..)?;
        Some(match header.kind {
            Kind::Nil => Value::Nil,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Integer(value) => Value::Int(value),
            Kind::Float(value) => Value::number(value),
            Kind::Text(length) => Value::Text(self.text(length)?),
            Kind::Bytes(length) => Value::Bytes(self.take(length)?.to_vec()),
            Kind::Array(count) => {
                let mut items = Vec::new();
                // As many as there are bytes for at most.
                items.try_reserve_exact(count.min(self.rest.len())).ok()?;
                for _ in 0..count {
                    items.push(self.value()?);
                }
                Value::Array(items)
            }
            Kind::Map(count) => {
                let mut entries = Vec::new();
                entries.try_reserve_exact(count.min(self.rest.len() / 2)).ok()?;
                for _ in 0..count {
                    entries.push((self.key()?, self.value()?));
                }
                Value::Map(without_repeats(entries))
            }
            Kind::Refused(_) => return None,
        })
    }

    fn key(&mut self) -> Option<String> {
        let header = Header::read(self.rest)?;
        self.rest = self.rest.get(header.bytes..)?;
        if let Kind::Text(length) = header.kind { self.text(length) } else { None }
    }

    /// What is no UTF-8 in it becomes U+FFFD.
    fn text(&mut self, length: usize) -> Option<String> {
        Some(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}
