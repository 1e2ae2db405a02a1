//! The three streams together, and the order in which the outputs were read.

use super::input::Input;
use super::mirror::Mirror;
use super::order_log::OrderLog;
use super::output::Output;
use crate::child::start::Started;
use crate::launch::spec::Spec;

pub struct TaskStreams {
    pub stdin: Input,
    pub stdout: Output,
    pub stderr: Output,
    pub order: OrderLog,
}

impl TaskStreams {
    pub fn new(spec: &Spec) -> Self {
        let output = |id| Output::new(id, spec.max_read_buf_size, spec.overflow);
        Self { stdin: Input::default(), stdout: output(1), stderr: output(2), order: OrderLog::default() }
    }

    /// In the foreground: what comes is written to our own stdout and stderr as well.
    pub fn show(&mut self) {
        self.stdout.show_at(Mirror::new(1));
        self.stderr.show_at(Mirror::new(2));
    }

    pub fn output(&self, id: u8) -> &Output {
        if id == 1 { &self.stdout } else { &self.stderr }
    }

    pub fn output_mut(&mut self, id: u8) -> &mut Output {
        if id == 1 { &mut self.stdout } else { &mut self.stderr }
    }

    /// Goes on with the pipes of a new run.
    pub fn attach(&mut self, started: Started) {
        self.stdin.attach(started.stdin);
        self.stdout.attach(started.stdout, &mut self.order);
        self.stderr.attach(started.stderr, &mut self.order);
    }

    /// Takes in what the pipes hold now.
    pub fn drain(&mut self) {
        self.stdout.drain(&mut self.order);
        self.stderr.drain(&mut self.order);
    }

    pub fn end_offsets(&self) -> [u64; 2] {
        [self.stdout.end_offset(), self.stderr.end_offset()]
    }

    /// An output is at its end where its writers are gone and no start is pending. Returns those that have just reached it.
    pub fn update_eof(&mut self, is_final: bool) -> impl Iterator<Item = (u8, u64)> + use<> {
        let reached = [&mut self.stdout, &mut self.stderr].map(|output| {
            let is_over = is_final && output.has_ended();
            output.set_eof(is_over).then(|| (output.id(), output.end_offset()))
        });
        reached.into_iter().flatten()
    }

    /// All that will ever be in the order of reading is there.
    pub fn order_eof(&self) -> bool {
        self.stdout.eof() && self.stderr.eof()
    }

    /// The supervisor goes: whatever may still hold the pipes, nobody will read on.
    pub fn finish(&mut self) {
        self.drain();
        self.stdin.detach();
        self.stdout.detach();
        self.stderr.detach();
    }
}
