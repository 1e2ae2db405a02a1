//! Checks a spec.

use super::spec::{Access, BEHAVIORS, FEATURES, Overflow, RESTARTS, RestartPolicy, Resume, SYNCS, Spec, SpoolSpec};
use super::steps;
use crate::wire::failure::Failure;
use crate::wire::fields::{COUNT, DURATION_MS, Fields, POSITIVE};
use crate::wire::value::{Entries, Value};
use crate::wire::{decode, limits, meta, scanner};

/// The latest date of JavaScript.
const MAX_TIME_MS: i64 = 8_640_000_000_000_000;

const MAX_OWNERS: usize = 1_024;

/// The least size of a file, and half of the least bound.
const MIN_SEGMENT_BYTES: i64 = 4_096;

/// Checks what was read. An error names what is wrong with it.
pub fn parse_spec(bytes: &[u8]) -> Result<Spec, Failure> {
    let shown = Value::Text(format!("{} bytes", bytes.len()));
    let is_whole = scanner::Scanner::new(limits::SPEC).scan(bytes) == Ok(Some(bytes.len()));
    let value = if is_whole { decode::decode(bytes) } else { None };
    let value = value.ok_or_else(|| Failure::invalid("spec", Some(&shown), "must be one MessagePack map"))?;
    let fields = Fields::new(&value, "")?;
    fields.int("v", 1..=1)?;
    check_needs(&fields)?;
    Ok(Spec {
        task_id: task_id(&fields)?,
        exec: argv(&fields)?,
        env: environment(&fields)?,
        cwd: fields.absolute_path("cwd")?.to_owned(),
        umask: mode(fields.int("umask", 0..=0o777)?),
        behavior: fields.choice("behavior", &BEHAVIORS)?,
        meta: checked_meta(&fields)?,
        max_read_buf_size: fields.int("maxReadBufSize", POSITIVE)?.unsigned_abs(),
        overflow: fields.choice("overflow", &[("discard", Overflow::Discard), ("block", Overflow::Block)])?,
        lockfile: match fields.get("lockfile") {
            Some(Value::Nil) => None,
            _ => Some(fields.absolute_path("lockfile")?.to_owned()),
        },
        has_stdin: fields.choice("stdin", &[("pipe", true), ("null", false)])?,
        stop: steps::take(&fields, "stop")?,
        restart: restart_policy(&fields)?,
        max_runtime_ms: fields.nullable_int("maxRuntimeMs", 1..=*DURATION_MS.end())?.map(i64::unsigned_abs),
        pool_path: fields.absolute_path("poolPath")?.to_owned(),
        access: access(&fields)?,
        spool: spool(&fields)?,
        linger_ms: linger_ms(&fields)?,
        keep_spec: fields.bool("keepSpec", true)?,
        resume: resume(&fields)?,
    })
}

fn spool(fields: &Fields<'_>) -> Result<Option<SpoolSpec>, Failure> {
    if matches!(fields.get("spool"), None | Some(Value::Nil)) {
        return Ok(None);
    }
    fields.map("spool")?;
    let spool = Fields::new(fields.get("spool").unwrap_or(&Value::Nil), "spool")?;
    let max_bytes = spool.int("maxBytes", 2 * MIN_SEGMENT_BYTES..=*COUNT.end())?;
    let segment_bytes = spool.int("segmentBytes", MIN_SEGMENT_BYTES..=max_bytes / 2)?.unsigned_abs();
    let syncs = spool.choice("sync", &SYNCS)?;
    Ok(Some(SpoolSpec { max_bytes: max_bytes.unsigned_abs(), segment_bytes, syncs }))
}

fn linger_ms(fields: &Fields<'_>) -> Result<Option<u64>, Failure> {
    match fields.get("lingerMs") {
        None => Ok(None),
        Some(_) => Ok(fields.nullable_int("lingerMs", DURATION_MS)?.map(i64::unsigned_abs)),
    }
}

fn resume(fields: &Fields<'_>) -> Result<Option<Resume>, Failure> {
    if matches!(fields.get("resume"), None | Some(Value::Nil)) {
        return Ok(None);
    }
    fields.map("resume")?;
    let resume = Fields::new(fields.get("resume").unwrap_or(&Value::Nil), "resume")?;
    resume.map("streams")?;
    let streams = Fields::new(resume.get("streams").unwrap_or(&Value::Nil), "resume.streams")?;
    let end_offset = |id: &str| {
        streams.map(id)?;
        let path = format!("resume.streams.{id}");
        let stream = Fields::new(streams.get(id).unwrap_or(&Value::Nil), &path)?;
        Ok(stream.int("endOffset", COUNT)?.unsigned_abs())
    };
    Ok(Some(Resume {
        supervisor_pid: resume.int("supervisorPid", COUNT)?.unsigned_abs(),
        run: resume.int("run", COUNT)?.unsigned_abs(),
        restarts: resume.int("restarts", COUNT)?.unsigned_abs(),
        created_at: resume.int("createdAt", 0..=MAX_TIME_MS)?,
        end_offsets: [end_offset("1")?, end_offset("2")?],
    }))
}

/// What the launcher counts on must not be ignored.
fn check_needs(fields: &Fields<'_>) -> Result<(), Failure> {
    if fields.get("needs").is_none() {
        return Ok(());
    }
    let needs: Vec<&str> = fields.array("needs")?.iter().filter_map(Value::as_text).collect();
    if needs.len() != fields.array("needs")?.len() {
        return fields.refuse("needs", "must be an array of strings");
    }
    let unknown: Vec<&str> = needs.into_iter().filter(|need| !FEATURES.contains(need)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("this supervisor does not support {}", unknown.join(", "));
    let named = unknown.iter().map(|need| Value::text(need)).collect();
    Err(Failure::new("ERR_BGTASK_UNSUPPORTED", message).with("features", Value::Array(named)))
}

fn task_id(fields: &Fields<'_>) -> Result<String, Failure> {
    let id = fields.text("taskId")?;
    let is_hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex && (16..=64).contains(&id.len()) {
        return Ok(id.to_owned());
    }
    fields.refuse("taskId", "must be 16 to 64 lower-case hex digits")
}

fn argv(fields: &Fields<'_>) -> Result<Vec<String>, Failure> {
    let items = fields.array("exec")?;
    let argv: Vec<String> =
        items.iter().filter_map(Value::as_text).filter(|text| !text.contains('\0')).map(str::to_owned).collect();
    let names_a_program = argv.first().is_some_and(|program| !program.is_empty());
    if names_a_program && argv.len() == items.len() {
        return Ok(argv);
    }
    fields.refuse("exec", "must be an array of strings without NUL bytes, and name a program")
}

fn environment(fields: &Fields<'_>) -> Result<Vec<(String, String)>, Failure> {
    let entries = fields.map("env")?;
    let texts = entries.iter().filter_map(|(name, value)| Some((name.clone(), value.as_text()?.to_owned())));
    let env: Vec<(String, String)> =
        texts.filter(|(name, value)| !name.contains('\0') && !value.contains('\0')).collect();
    if env.len() == entries.len() {
        Ok(env)
    } else {
        fields.refuse("env", "must be a map of strings without NUL bytes")
    }
}

fn checked_meta(fields: &Fields<'_>) -> Result<Entries, Failure> {
    let entries = fields.map("meta")?;
    match meta::problem(entries) {
        None => Ok(entries.clone()),
        Some(problem) => fields.refuse("meta", &format!("must be a JSON object of at most 64 KiB: {problem}")),
    }
}

fn restart_policy(fields: &Fields<'_>) -> Result<RestartPolicy, Failure> {
    fields.map("restart")?;
    let policy = Fields::new(fields.get("restart").unwrap_or(&Value::Nil), "restart")?;
    let duration = |key: &str, default: u64| -> Result<u64, Failure> {
        Ok(policy.maybe_int(key, DURATION_MS)?.map_or(default, i64::unsigned_abs))
    };
    Ok(RestartPolicy {
        on: policy.choice("on", &RESTARTS)?,
        delay_ms: duration("delayMs", 1_000)?,
        max_delay_ms: duration("maxDelayMs", 60_000)?,
        factor: factor(&policy)?,
        max_restarts: match policy.get("maxRestarts") {
            None => Some(10),
            Some(_) => policy.nullable_int("maxRestarts", COUNT)?.map(i64::unsigned_abs),
        },
        reset_after_ms: duration("resetAfterMs", 60_000)?,
    })
}

fn factor(policy: &Fields<'_>) -> Result<f64, Failure> {
    let factor = match policy.get("factor") {
        None => 2.0,
        Some(Value::Float(value)) => *value,
        #[expect(clippy::cast_precision_loss, reason = "integers of messages are below 2^53")]
        Some(Value::Int(value)) => *value as f64,
        Some(_) => f64::NAN,
    };
    if (1.0..=1_000.0).contains(&factor) {
        Ok(factor)
    } else {
        policy.refuse("factor", "must be a number from 1 to 1000")
    }
}

fn access(fields: &Fields<'_>) -> Result<Access, Failure> {
    fields.map("access")?;
    let access = Fields::new(fields.get("access").unwrap_or(&Value::Nil), "access")?;
    let ids = 0..=i64::from(u32::MAX);
    let gid = match access.get("gid") {
        None => None,
        Some(_) => access.nullable_int("gid", ids.clone())?,
    };
    let mut owners = Vec::new();
    if access.get("owners").is_some() {
        let items = access.array("owners")?;
        let uids = items.iter().filter_map(Value::as_int).filter_map(|uid| u32::try_from(uid).ok());
        owners.extend(uids);
        if owners.len() != items.len() || owners.len() > MAX_OWNERS {
            return access.refuse("owners", &format!("must be at most {MAX_OWNERS} uids"));
        }
    }
    let mode_value = access.maybe_int("mode", 0..=0o777)?.unwrap_or(0o600);
    Ok(Access { mode: mode(mode_value), gid: gid.and_then(|gid| u32::try_from(gid).ok()), owners })
}

fn mode(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
