//! A value of a message, or of JSON.

use super::sink::Sink;
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    /// In the order of their coming; no key twice.
    Map(Vec<(String, Value)>),
}

pub type Entries = Vec<(String, Value)>;

/// Below so many entries, looking at each is quicker than an index.
const FEW_ENTRIES: usize = 16;

impl Value {
    /// A number that is whole is an integer, as in JSON.
    pub fn number(value: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        if value.fract() == 0.0 && value.abs() < 9e15 { Self::Int(value as i64) } else { Self::Float(value) }
    }

    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => get(entries, key),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    pub fn write(&self, sink: &mut dyn Sink) {
        match self {
            Self::Nil => sink.nil(),
            Self::Bool(value) => sink.bool(*value),
            Self::Int(value) => sink.int(*value),
            Self::Float(value) => sink.float(*value),
            Self::Text(text) => sink.text(text),
            Self::Bytes(bytes) => sink.bytes(bytes),
            Self::Array(items) => {
                sink.array(items.len());
                for item in items {
                    item.write(sink);
                }
                sink.end();
            }
            Self::Map(entries) => write_map(entries, sink),
        }
    }
}

pub fn write_map(entries: &[(String, Value)], sink: &mut dyn Sink) {
    sink.map(entries.len());
    for (key, value) in entries {
        sink.key(key);
        value.write(sink);
    }
    sink.end();
}

pub fn get<'a>(entries: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Of a key that comes twice the last value counts, as in JavaScript.
pub fn without_repeats(entries: Entries) -> Entries {
    if !has_repeats(&entries) {
        return entries;
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Entries = Vec::new();
    for (key, value) in entries {
        match places.get(&key).and_then(|place| kept.get_mut(*place)) {
            Some(entry) => entry.1 = value,
            None => {
                places.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

fn has_repeats(entries: &[(String, Value)]) -> bool {
    if entries.len() <= FEW_ENTRIES {
        return entries
            .iter()
            .enumerate()
            .any(|(index, (key, _))| entries.iter().skip(index + 1).any(|(other, _)| other == key));
    }
    let mut seen = std::collections::HashSet::with_capacity(entries.len());
    !entries.iter().all(|(key, _)| seen.insert(key))
}
