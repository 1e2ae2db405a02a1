//! Messages and records are described once, for both of their encodings.

/// Takes values one after the other. A `map` or `array` is followed by as many entries or items as it says, and by `end`.
pub trait Sink {
    fn nil(&mut self);
    fn bool(&mut self, value: bool);
    fn int(&mut self, value: i64);
    fn float(&mut self, value: f64);
    fn text(&mut self, text: &str);
    fn bytes(&mut self, bytes: &[u8]);
    fn array(&mut self, items: usize);
    fn map(&mut self, entries: usize);
    fn key(&mut self, key: &str);
    fn end(&mut self);
}

impl dyn Sink + '_ {
    pub fn maybe_int(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.int(value),
            None => self.nil(),
        }
    }

    pub fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.nil(),
        }
    }

    /// An offset or count.
    pub fn count(&mut self, value: u64) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }
}
