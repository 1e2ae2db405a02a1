//! What meta may be, and how it is changed.

use super::json::Json;
use super::value::{Entries, Value, write_map};
use std::collections::HashMap;

/// Meta is copied into every record and every info, so it stays small: so many bytes as JSON text.
pub const MAX_META_BYTES: usize = 64 * 1024;

/// Leaves room below the wire's depth bound for the envelope that carries the value.
const MAX_JSON_DEPTH: usize = 24;

/// Why a map cannot be meta; None if it can.
pub fn problem(entries: &Entries) -> Option<String> {
    if let Some(what) = entries.iter().find_map(|(key, value)| unfit(value, 1).map(|what| format!("{key} {what}"))) {
        return Some(what);
    }
    let mut json = Json::default();
    write_map(entries, &mut json);
    let bytes = json.text.len();
    (bytes > MAX_META_BYTES).then(|| format!("it takes {bytes} bytes as JSON, more than {MAX_META_BYTES}"))
}

fn unfit(value: &Value, depth: usize) -> Option<&'static str> {
    if depth > MAX_JSON_DEPTH {
        return Some("is nested too deeply");
    }
    match value {
        Value::Bytes(_) => Some("holds bytes, which JSON cannot"),
        Value::Float(value) if !value.is_finite() => Some("holds a number that JSON cannot"),
        Value::Array(items) => items.iter().find_map(|item| unfit(item, depth + 1)),
        Value::Map(entries) => entries.iter().find_map(|(_, item)| unfit(item, depth + 1)),
        _ => None,
    }
}

/// JSON Merge Patch (RFC 7396): maps merge, nil deletes, everything else replaces.
pub fn merge_patch(target: &Entries, patch: &Entries) -> Entries {
    let mut merged: Vec<Option<(String, Value)>> = target.iter().cloned().map(Some).collect();
    // An index, since both may hold thousands of keys.
    let places: HashMap<&str, usize> =
        target.iter().enumerate().map(|(place, (key, _))| (key.as_str(), place)).collect();
    for (key, value) in patch {
        let place = places.get(key.as_str()).and_then(|place| merged.get_mut(*place));
        let before = place.as_ref().and_then(|entry| entry.as_ref()).map(|(_, value)| value);
        let after = patched(before, value).map(|value| (key.clone(), value));
        match place {
            Some(place) => *place = after,
            None => merged.push(after),
        }
    }
    merged.into_iter().flatten().collect()
}

fn patched(target: Option<&Value>, patch: &Value) -> Option<Value> {
    match (target, patch) {
        (_, Value::Nil) => None,
        (Some(Value::Map(entries)), Value::Map(patch)) => Some(Value::Map(merge_patch(entries, patch))),
        (_, Value::Map(patch)) => Some(Value::Map(merge_patch(&Vec::new(), patch))),
        (_, value) => Some(value.clone()),
    }
}
