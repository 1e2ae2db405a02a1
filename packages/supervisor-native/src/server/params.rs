//! The single parameter of every method, checked. Nothing else of a supervisor can be called.

use crate::launch::steps::{self, Step};
use crate::signals;
use crate::wire::failure::Failure;
use crate::wire::fields::{COUNT, Fields, POSITIVE};
use crate::wire::meta;
use crate::wire::value::{Entries, Value};

/// Bytes of a read without `maxBytes`, and the most that it returns.
const DEFAULT_READ_BYTES: i64 = 64 * 1024;
const MAX_READ_BYTES: u64 = 512 * 1024;

/// The most bytes of stdin in one call.
const MAX_WRITE_BYTES: usize = 256 * 1024;

/// A long poll answers after this long at the latest.
const MAX_WAIT_MS: i64 = 60_000;

const MAX_CHUNKS: i64 = 4_096;
const DEFAULT_CHUNKS: i64 = 256;

const OUTPUTS: std::ops::RangeInclusive<i64> = 1..=2;

pub const METHODS: [&str; 14] = [
    "hello",
    "getInfo",
    "applyMeta",
    "kill",
    "restart",
    "stop",
    "terminate",
    "readStream",
    "discardStream",
    "readOrder",
    "writeStream",
    "closeStream",
    "waitExit",
    "subscribe",
];

#[derive(Debug)]
pub enum Call {
    Hello { task_id: Option<String> },
    GetInfo,
    ApplyMeta { patch: Entries },
    Kill { signal: i32, tree: bool },
    Restart,
    Stop { steps: Option<Vec<Step>> },
    Terminate { steps: Option<Vec<Step>> },
    ReadStream { stream: u8, from: Option<u64>, most: u64, wait_ms: u64, discard: bool },
    DiscardStream { stream: u8, up_to: Option<u64> },
    ReadOrder { from: u64, most: usize, wait_ms: u64 },
    WriteStream { data: Vec<u8>, wait: bool },
    CloseStream { stream: u8, immediate: bool },
    WaitExit { run: Option<u64>, wait_ms: u64 },
    Subscribe,
}

impl Call {
    /// `holds_whole_float` says whether the message holds a float in place of an integer, perhaps; only meta may.
    pub fn parse(method: &str, mut params: Vec<Value>, holds_whole_float: bool) -> Result<Self, Failure> {
        let name = METHODS.into_iter().find(|name| *name == method).ok_or_else(|| Failure::unsupported(method))?;
        if params.len() > 1 {
            let got = Value::Text(format!("{} parameters", params.len()));
            return Err(Failure::invalid(name, Some(&got), "takes one map"));
        }
        if holds_whole_float && name != "applyMeta" {
            return Err(Failure::invalid(name, Some(&Value::text("a float")), "takes integers"));
        }
        // The bytes are moved out, not copied.
        let data = if name == "writeStream" { take_data(&mut params) } else { None };
        let fields = match params.first() {
            None => Fields::empty(name),
            Some(value) => Fields::new(value, name)?,
        };
        Self::of(name, &fields, data)
    }

    fn of(method: &str, fields: &Fields<'_>, data: Option<Vec<u8>>) -> Result<Self, Failure> {
        let stream = |range| Ok(u8::try_from(fields.int("streamId", range)?).unwrap_or(0));
        Ok(match method {
            "hello" => {
                fields.maybe_int("protocol", COUNT)?;
                let text = |key| fields.get(key).map(|_| fields.text(key)).transpose();
                text("software")?;
                Self::Hello { task_id: text("taskId")?.map(str::to_owned) }
            }
            "getInfo" => Self::GetInfo,
            "applyMeta" => Self::ApplyMeta { patch: patch(fields)? },
            "kill" => Self::Kill { signal: signals::take(fields, "killSignal")?, tree: fields.bool("tree", false)? },
            "restart" => Self::Restart,
            "stop" => Self::Stop { steps: maybe_steps(fields)? },
            "terminate" => Self::Terminate { steps: maybe_steps(fields)? },
            "readStream" => Self::ReadStream {
                stream: stream(OUTPUTS)?,
                from: fields.count("from")?,
                most: most_bytes(fields)?,
                wait_ms: wait_ms(fields)?,
                discard: fields.bool("discard", false)?,
            },
            "discardStream" => Self::DiscardStream { stream: stream(OUTPUTS)?, up_to: fields.count("upTo")? },
            "readOrder" => Self::ReadOrder {
                from: fields.count("from")?.unwrap_or(0),
                most: usize::try_from(fields.maybe_int("maxChunks", 1..=MAX_CHUNKS)?.unwrap_or(DEFAULT_CHUNKS))
                    .unwrap_or(0),
                wait_ms: wait_ms(fields)?,
            },
            "writeStream" => {
                fields.int("streamId", 0..=0)?;
                let wait = fields.bool("wait", true)?;
                match data {
                    Some(data) if data.len() <= MAX_WRITE_BYTES => Self::WriteStream { data, wait },
                    _ => {
                        return fields.refuse("data", &format!("must be bytes or a string, at most {MAX_WRITE_BYTES}"));
                    }
                }
            }
            "closeStream" => Self::CloseStream { stream: stream(0..=2)?, immediate: fields.bool("immediate", false)? },
            "waitExit" => {
                let run = fields.maybe_int("run", POSITIVE)?.map(i64::unsigned_abs);
                Self::WaitExit { run, wait_ms: wait_ms(fields)? }
            }
            _ => Self::Subscribe,
        })
    }
}

fn take_data(params: &mut [Value]) -> Option<Vec<u8>> {
    let Value::Map(entries) = params.first_mut()? else { return None };
    let (_, value) = entries.iter_mut().find(|(key, _)| key == "data")?;
    match value {
        Value::Bytes(bytes) => Some(std::mem::take(bytes)),
        // Some clients have no bytes.
        Value::Text(text) => Some(std::mem::take(text).into_bytes()),
        _ => None,
    }
}

fn patch(fields: &Fields<'_>) -> Result<Entries, Failure> {
    let patch = fields.map("patch")?;
    match meta::problem(patch) {
        None => Ok(patch.clone()),
        Some(problem) => fields.refuse("patch", &format!("must be a JSON object: {problem}")),
    }
}

fn maybe_steps(fields: &Fields<'_>) -> Result<Option<Vec<Step>>, Failure> {
    fields.get("steps").map(|_| steps::take(fields, "steps")).transpose()
}

fn most_bytes(fields: &Fields<'_>) -> Result<u64, Failure> {
    let asked = fields.maybe_int("maxBytes", COUNT)?.unwrap_or(DEFAULT_READ_BYTES);
    Ok(asked.unsigned_abs().min(MAX_READ_BYTES))
}

fn wait_ms(fields: &Fields<'_>) -> Result<u64, Failure> {
    Ok(fields.maybe_int("waitMs", 0..=MAX_WAIT_MS)?.unwrap_or(0).unsigned_abs())
}
