//! An error as it travels: in a response, as the reason of a disconnect, and as the reason of a launch that failed.

use super::sink::Sink;
use super::value::{Entries, Value};
use crate::sys;

/// Characters of a text in an error: it must always fit in a message, and it ends up in logs.
const MAX_WORDS: usize = 16 * 1024;
/// Of a value that is shown in an error.
const MAX_SHOWN: usize = 200;

#[derive(Clone, Debug)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    /// Further facts, possibly empty.
    pub data: Entries,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: cut(&message.into(), MAX_WORDS), data: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.data.push((name.to_owned(), value));
        self
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("INTERNAL", message)
    }

    /// What the system says, by its name.
    pub fn system(what: &str, error: &std::io::Error) -> Self {
        match error.raw_os_error().and_then(sys::error_name) {
            Some(name) => Self::new(name, format!("{what}: {name}: {error}")),
            None => Self::internal(format!("{what}: {error}")),
        }
    }

    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new("ERR_BGTASK_PROTOCOL", message)
    }

    /// `rule` says what it must be, such as `must be an absolute path`.
    pub fn invalid(option: &str, got: Option<&Value>, rule: &str) -> Self {
        let shown = got.map_or_else(|| "undefined".to_owned(), show);
        let failure = Self::new("ERR_BGTASK_INVALID_OPTION", format!("{option} {rule}, got {shown}"));
        let got = match got {
            Some(value @ (Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Float(_))) => value.clone(),
            Some(Value::Text(text)) => Value::Text(cut(text, MAX_WORDS)),
            _ => Value::Text(shown),
        };
        failure.with("option", Value::text(option)).with("got", got)
    }

    pub fn unsupported(method: &str) -> Self {
        let method = cut(method, MAX_WORDS);
        Self::new("ERR_BGTASK_UNSUPPORTED", format!("method {method} is not supported"))
            .with("method", Value::Text(method))
    }

    pub fn write(&self, sink: &mut dyn Sink) {
        sink.map(if self.data.is_empty() { 2 } else { 3 });
        sink.key("code");
        sink.text(self.code);
        sink.key("message");
        sink.text(&self.message);
        if !self.data.is_empty() {
            sink.key("data");
            super::value::write_map(&self.data, sink);
        }
        sink.end();
    }
}

/// A value in a few words.
fn show(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Array(items) if items.len() > 8 => format!("an array of {} items", items.len()),
        Value::Map(entries) if entries.len() > 8 => format!("a map of {} entries", entries.len()),
        Value::Text(text) => format!("'{}'", cut(text, MAX_SHOWN)),
        other => cut(&super::json::Json::of(other), MAX_SHOWN),
    }
}

/// The beginning of a text, with a mark if it was cut.
pub fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
