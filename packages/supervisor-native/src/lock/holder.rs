//! Who holds a lock file: by the line that supervisors write into it, and by the kernel's list.

use crate::process::identity::{Identity, Liveness, Place};
use crate::process::stat::{Process, Stat};
use crate::process::tree::{self, Selector};
use crate::wire::json_parser;
use crate::wire::sink::Sink;
use crate::wire::value::Value;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What a supervisor writes into a lock file: who holds it, and the child that must not run twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub task_id: String,
    pub supervisor: Identity,
    /// None while none has been started.
    pub child: Option<Identity>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    Empty,
    Note(Box<Note>),
    /// Another text, which stays as it is.
    Foreign,
}

impl Text {
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Empty;
        }
        json_parser::parse(text)
            .and_then(|value| Note::from_value(&value))
            .map_or(Self::Foreign, |note| Self::Note(Box::new(note)))
    }
}

impl Note {
    fn from_value(value: &Value) -> Option<Self> {
        (value.get("bgtask")?.as_int()? == 1).then_some(())?;
        Some(Self {
            task_id: value.get("taskId")?.as_text()?.to_owned(),
            supervisor: Identity::from_value(value.get("supervisor")?)?,
            child: value.get("child").and_then(Identity::from_value),
        })
    }

    pub fn write(&self, sink: &mut dyn Sink) {
        sink.map(4);
        sink.key("bgtask");
        sink.int(1);
        sink.key("taskId");
        sink.text(&self.task_id);
        sink.key("supervisor");
        self.supervisor.write(sink);
        sink.key("child");
        match &self.child {
            Some(child) => child.write(sink),
            None => sink.nil(),
        }
        sink.end();
    }
}

/// `fcntl` locks, those of open file descriptions among them, and `flock` locks do not see each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Fcntl,
    Flock,
}

/// Who holds a lock, as far as it is known; a value of the wire.
pub fn find_holder(text: &Text, file: &Metadata, refused: Family) -> Option<Value> {
    if let Text::Note(note) = text
        && note.supervisor.liveness(&Place::current()) == Liveness::Alive
    {
        let child = note.child.as_ref().map(|child| child.pid);
        return Some(holder("bgtask", None, Some(note.supervisor.pid), child));
    }
    let list = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    list.lines().find_map(|line| listed_holder(line, file, refused))
}

/// The child of a supervisor that was killed runs on and still excludes.
pub fn find_orphan(text: &Text) -> Option<Value> {
    let Text::Note(note) = text else { return None };
    let here = Place::current();
    let child = match &note.child {
        // One that cannot be seen excludes as one that can.
        Some(child) => (child.is_here(&here) && child.liveness(&here) != Liveness::Dead).then_some(child.pid),
        None => unnamed_child(note, &here),
    };
    child.map(|pid| holder("orphan", None, Some(note.supervisor.pid), Some(pid)))
}

/// A supervisor that is killed between the start of a child and its note leaves a child that is found by its cookie.
fn unnamed_child(note: &Note, here: &Place) -> Option<i32> {
    if note.supervisor.place.boot_id != here.boot_id {
        return None;
    }
    let spare: Vec<Process> = Process::current().into_iter().collect();
    let found = tree::find(&Selector {
        since: note.supervisor.start_time.unwrap_or(0),
        cookie: &note.task_id,
        roots: &[],
        pipes: &[],
        known: &[],
        own_session: None,
        spare: &spare,
        reaper: None,
    });
    found.ok()?.first().map(|process| process.pid)
}

/// A line of the kernel's list names a holder's pid for `fcntl` and `flock` locks, but -1 for those of open file descriptions.
fn listed_holder(line: &str, file: &Metadata, refused: Family) -> Option<Value> {
    let mut fields = line.split_whitespace().skip(1);
    let kind = fields.next()?;
    let pid: i32 = fields.nth(2)?.parse().ok()?;
    let (device, inode) = (file.dev(), file.ino());
    // The one that we got ourselves is in the list too.
    let is_refused = (kind == "FLOCK") == (refused == Family::Flock);
    if fields.next()? != format!("{:02x}:{:02x}:{inode}", major(device), minor(device)) || !is_refused {
        return None;
    }
    let name = match kind {
        "POSIX" => "fcntl".to_owned(),
        "OFDLCK" => "ofd".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    // A lock taken with `flock(1)` is listed with the pid of that program, which has exited.
    Some(holder(&name, Some(pid).filter(|pid| Stat::of(*pid).is_some()), None, None))
}

fn holder(kind: &str, pid: Option<i32>, supervisor: Option<i32>, child: Option<i32>) -> Value {
    let pids = [("pid", pid), ("supervisorPid", supervisor), ("childPid", child)];
    let known = pids.into_iter().filter_map(|(key, pid)| Some((key.to_owned(), Value::Int(i64::from(pid?)))));
    Value::Map(known.chain([("kind".to_owned(), Value::text(kind))]).collect())
}

/// As the C library's `major` and `minor`.
fn major(device: u64) -> u64 {
    (device >> 8) & 0xfff | (device >> 32) & 0xffff_f000
}

fn minor(device: u64) -> u64 {
    device & 0xff | (device >> 12) & 0xffff_ff00
}
