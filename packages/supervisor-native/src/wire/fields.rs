//! Takes the values of a map one by one, each checked; an error names the key by its path.

use super::failure::Failure;
use super::limits::MAX_INTEGER;
use super::value::{Entries, Value, get};
use std::ops::RangeInclusive;

/// Timers of other implementations overflow at 2^31 ms.
pub const DURATION_MS: RangeInclusive<i64> = 0..=0x7fff_ffff;
pub const COUNT: RangeInclusive<i64> = 0..=MAX_INTEGER;
pub const POSITIVE: RangeInclusive<i64> = 1..=MAX_INTEGER;

/// A map that is checked. Keys that are not read are ignored.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    entries: &'a [(String, Value)],
    /// Where the map is: a method's name, or empty for the spec.
    path: &'a str,
}

impl<'a> Fields<'a> {
    pub fn new(value: &'a Value, path: &'a str) -> Result<Self, Failure> {
        match value {
            Value::Map(entries) => Ok(Self { entries, path }),
            other => Err(Failure::invalid(if path.is_empty() { "spec" } else { path }, Some(other), "must be a map")),
        }
    }

    pub fn empty(path: &'a str) -> Self {
        Self { entries: &[], path }
    }

    /// None if it is missing; nil is a value.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        get(self.entries, key)
    }

    pub fn refuse<T>(&self, key: &str, rule: &str) -> Result<T, Failure> {
        let path = self.path_of(key);
        Err(match self.get(key) {
            None => Failure::invalid(&path, None, "is missing"),
            got => Failure::invalid(&path, got, rule),
        })
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn int(&self, key: &str, range: RangeInclusive<i64>) -> Result<i64, Failure> {
        match self.get(key) {
            Some(Value::Int(value)) if range.contains(value) => Ok(*value),
            _ => self.refuse(key, &format!("must be a whole number from {} to {}", range.start(), range.end())),
        }
    }

    /// A missing one is None.
    pub fn maybe_int(&self, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        self.get(key).map(|_| self.int(key, range)).transpose()
    }

    /// Nil is None too.
    pub fn nullable_int(&self, key: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        if matches!(self.get(key), Some(Value::Nil)) { Ok(None) } else { self.int(key, range).map(Some) }
    }

    pub fn count(&self, key: &str) -> Result<Option<u64>, Failure> {
        Ok(self.maybe_int(key, COUNT)?.map(i64::unsigned_abs))
    }

    pub fn bool(&self, key: &str, default: bool) -> Result<bool, Failure> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            _ => self.refuse(key, "must be true or false"),
        }
    }

    pub fn text(&self, key: &str) -> Result<&'a str, Failure> {
        match self.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => self.refuse(key, "must be a string"),
        }
    }

    /// One of these words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T, Failure> {
        let found = self.get(key).and_then(Value::as_text);
        match choices.iter().find(|(name, _)| found == Some(name)) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                self.refuse(key, &format!("must be one of {}", names.join(", ")))
            }
        }
    }

    /// Text that can be handed to the kernel.
    pub fn kernel_text(&self, key: &str) -> Result<&'a str, Failure> {
        let text = self.text(key)?;
        if text.contains('\0') { self.refuse(key, "must not hold a NUL byte") } else { Ok(text) }
    }

    pub fn absolute_path(&self, key: &str) -> Result<&'a str, Failure> {
        let path = self.kernel_text(key)?;
        if path.starts_with('/') { Ok(path) } else { self.refuse(key, "must be an absolute path") }
    }

    pub fn array(&self, key: &str) -> Result<&'a [Value], Failure> {
        match self.get(key) {
            Some(Value::Array(items)) => Ok(items),
            _ => self.refuse(key, "must be an array"),
        }
    }

    pub fn map(&self, key: &str) -> Result<&'a Entries, Failure> {
        match self.get(key) {
            Some(Value::Map(entries)) => Ok(entries),
            _ => self.refuse(key, "must be a map"),
        }
    }
}
