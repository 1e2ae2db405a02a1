//! Writes JSON as JavaScript does, byte for byte, so that sizes are the same everywhere.

use super::sink::Sink;
use super::value::Value;
use std::fmt::Write;

#[derive(Default)]
pub struct Json {
    pub text: String,
    /// The closing bracket of each open array or map.
    open: Vec<char>,
    /// Whether the next value or key is the first one in its place.
    fresh: bool,
}

impl Json {
    pub fn of(value: &Value) -> String {
        let mut json = Self::default();
        value.write(&mut json);
        json.text
    }

    fn comma(&mut self) {
        if !self.fresh && !self.open.is_empty() {
            self.text.push(',');
        }
        self.fresh = false;
    }

    fn bracket(&mut self, opening: char, closing: char) {
        self.comma();
        self.text.push(opening);
        self.open.push(closing);
        self.fresh = true;
    }

    fn raw(&mut self, text: &str) {
        self.comma();
        self.text.push_str(text);
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for char in text.chars() {
            match char {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\0'..'\u{20}' => self.formatted(format_args!("\\u{:04x}", u32::from(char))),
                _ => self.text.push(char),
            }
        }
        self.text.push('"');
    }

    fn formatted(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(arguments);
    }
}

impl Sink for Json {
    fn nil(&mut self) {
        self.raw("null");
    }

    fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.comma();
        self.formatted(format_args!("{value}"));
    }

    fn float(&mut self, value: f64) {
        self.comma();
        if !value.is_finite() {
            self.text.push_str("null");
        } else if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
            self.formatted(format_args!("{value}"));
        } else {
            // JavaScript has a plus there.
            let text = format!("{value:e}");
            self.text.push_str(&if text.contains("e-") { text } else { text.replace('e', "e+") });
        }
    }

    fn text(&mut self, text: &str) {
        self.comma();
        self.quoted(text);
    }

    fn bytes(&mut self, _: &[u8]) {
        // Nothing that is written as JSON holds any: meta was checked.
        self.nil();
    }

    fn array(&mut self, _: usize) {
        self.bracket('[', ']');
    }

    fn map(&mut self, _: usize) {
        self.bracket('{', '}');
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.quoted(key);
        self.text.push(':');
        self.fresh = true;
    }

    fn end(&mut self) {
        self.fresh = false;
        if let Some(bracket) = self.open.pop() {
            self.text.push(bracket);
        }
    }
}
