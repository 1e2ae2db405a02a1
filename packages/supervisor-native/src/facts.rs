//! The facts that the lifecycle changes; `info.rs` reports them.

use crate::launch::spec::Spec;
use crate::lifecycle::table::State;
use crate::process::stat::Process;
use crate::process::tree;
use crate::wire::sink::Sink;
use crate::wire::value::Entries;

/// The most survivors that are reported by pid.
const MAX_SURVIVORS: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// By itself, or by a signal of another process.
    Exit,
    Signal,
    Stopped,
    Timeout,
}

/// Who is left after a stop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survivors {
    pub named: Vec<Survivor>,
    /// How many there are beside these.
    pub unnamed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Survivor {
    pub process: Process,
    pub command: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ExitStatus {
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub cause: Cause,
    pub survivors: Survivors,
}

pub struct Facts {
    pub state: State,
    pub meta: Entries,
    pub run: u64,
    pub restarts: u64,
    pub started_at: Option<i64>,
    pub exited_at: Option<i64>,
    pub exit_status: Option<ExitStatus>,
    pub exit_offsets: Option<[u64; 2]>,
    pub next_start_at: Option<i64>,
    pub failure: Option<String>,
    pub retired_at: Option<i64>,
}

impl Facts {
    pub fn new(spec: &Spec) -> Self {
        let resume = spec.resume.as_ref();
        Self {
            state: State::Starting,
            meta: spec.meta.clone(),
            run: resume.map_or(0, |resume| resume.run),
            restarts: resume.map_or(0, |resume| resume.restarts),
            started_at: None,
            exited_at: None,
            exit_status: None,
            exit_offsets: None,
            next_start_at: None,
            failure: None,
            retired_at: None,
        }
    }

    /// What they are when a run has just started.
    pub fn start_run(&mut self, number: u64, started_at: i64) {
        self.restarts += u64::from(number > 1);
        self.run = number;
        self.started_at = Some(started_at);
        self.exited_at = None;
        self.exit_status = None;
        self.exit_offsets = None;
        self.next_start_at = None;
        self.failure = None;
    }
}

impl ExitStatus {
    pub fn write(&self, sink: &mut dyn Sink) {
        let (has_survivors, more) = (!self.survivors.named.is_empty(), self.survivors.unnamed);
        sink.map(3 + usize::from(has_survivors) + usize::from(more > 0));
        sink.key("exitCode");
        sink.maybe_int(self.exit_code.map(i64::from));
        sink.key("signal");
        sink.maybe_text(self.signal.map(crate::signals::name).as_deref());
        sink.key("cause");
        sink.text(match self.cause {
            Cause::Exit => "exit",
            Cause::Signal => "signal",
            Cause::Stopped => "stopped",
            Cause::Timeout => "timeout",
        });
        if has_survivors {
            sink.key("survivors");
            write_survivors(&self.survivors, sink);
        }
        if more > 0 {
            sink.key("moreSurvivors");
            sink.count(more);
        }
        sink.end();
    }
}

pub fn maybe_write_status(status: Option<&ExitStatus>, sink: &mut dyn Sink) {
    match status {
        Some(status) => status.write(sink),
        None => sink.nil(),
    }
}

pub fn write_survivors(survivors: &Survivors, sink: &mut dyn Sink) {
    sink.array(survivors.named.len());
    for Survivor { process, command } in &survivors.named {
        sink.map(3);
        sink.key("pid");
        sink.int(i64::from(process.pid));
        sink.key("startTime");
        sink.count(process.start_time);
        sink.key("command");
        sink.text(command);
        sink.end();
    }
    sink.end();
}

/// Names some of the processes, the child first if it is one of them.
pub fn describe(mut processes: Vec<Process>, child: Option<i32>) -> Survivors {
    processes.sort_by_key(|process| Some(process.pid) != child);
    let named = processes.iter().take(MAX_SURVIVORS);
    let named = named.map(|process| Survivor { process: *process, command: tree::command_line(process.pid) });
    Survivors { named: named.collect(), unnamed: processes.len().saturating_sub(MAX_SURVIVORS) as u64 }
}
