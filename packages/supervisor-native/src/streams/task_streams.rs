//! The three streams together, and the order in which the outputs were read.

use super::input::Input;
use super::mirror::Mirror;
use super::order_log::OrderLog;
use super::output::Output;
use super::spool::output_spool::OutputSpool;
use super::spool::spooler::Spooler;
use crate::child::start::Started;
use crate::directory::task_directory::TaskDirectory;
use crate::launch::spec::Spec;
use crate::log::Log;
use std::io;
use std::rc::Rc;

pub struct TaskStreams {
    pub stdin: Input,
    pub stdout: Output,
    pub stderr: Output,
    pub order: OrderLog,
    /// Writes the outputs to files.
    pub spooler: Option<Spooler>,
    /// Of the task; dropped after what uses it.
    directory: Option<TaskDirectory>,
}

impl TaskStreams {
    /// The directory is for the files of the output, if the spec asks for them.
    pub fn new(spec: &Spec, directory: Option<TaskDirectory>, log: &Rc<Log>) -> io::Result<Self> {
        let (spooler, [first, second]) = match spec.spool.as_ref().zip(directory.as_ref()) {
            Some((spool, directory)) => {
                let (spooler, outputs) = Spooler::new(spec, spool, directory, Rc::clone(log))?;
                (Some(spooler), outputs.map(Some))
            }
            None => (None, [None, None]),
        };
        let order = OrderLog::starting_at(spooler.as_ref().map_or(0, Spooler::published_seq));
        let output = |id, spool: Option<OutputSpool>| {
            let resumed = spec.resume.as_ref().map_or(0, |resume| resume.end_offset(id));
            let start = spool.as_ref().map_or(resumed, OutputSpool::visible_offset);
            Output::new(id, spec.max_read_buf_size, spec.overflow, start, spool)
        };
        let (stdout, stderr) = (output(1, first), output(2, second));
        Ok(Self { stdin: Input::default(), stdout, stderr, order, spooler, directory })
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
        self.stdout.retry_spool();
        self.stderr.retry_spool();
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

    /// An output is at its end if its writers are gone and no start is pending. Returns those that have just reached it.
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

    /// The supervisor ends and stops reading, even if processes still have the pipes open.
    pub fn finish(&mut self) {
        self.drain();
        self.stdin.detach();
        self.stdout.detach();
        self.stderr.detach();
    }

    /// Hands what came to files, and takes note of what is there. Returns the errors of outputs.
    pub fn advance_spool(&mut self) -> Vec<(u8, String)> {
        let Self { stdout, stderr, order, spooler, .. } = self;
        spooler.as_mut().map(|spooler| spooler.advance([stdout, stderr], order)).unwrap_or_default()
    }

    /// Number that the next chunk will have of which clients hear.
    pub fn order_end(&self) -> u64 {
        self.spooler.as_ref().map_or_else(|| self.order.end_seq(), Spooler::published_seq)
    }

    /// All chunks below that number are in files, as far as they can be. Has it done if not.
    pub fn is_flushed(&mut self, seq: u64) -> bool {
        self.spooler.as_mut().is_none_or(|spooler| spooler.is_flushed(seq))
    }

    /// Forgets what lies before `up_to`.
    pub fn discard(&mut self, id: u8, up_to: u64) {
        let discarded = self.output_mut(id).discard(up_to);
        if let (Some(spooler), Some(up_to)) = (&mut self.spooler, discarded) {
            spooler.discard(usize::from(id), up_to);
        }
    }

    /// The supervisor goes: the files stay, or are removed.
    pub fn end_spool(&mut self, is_kept: bool) {
        let Self { stdout, stderr, order, spooler, .. } = self;
        if let Some(mut spooler) = spooler.take() {
            spooler.end(is_kept, [stdout, stderr], order);
        }
        self.keep_directory(is_kept);
        self.directory = None;
    }

    /// Whether the task's directory stays when it is dropped.
    pub fn keep_directory(&mut self, is_kept: bool) {
        if let Some(directory) = &mut self.directory {
            directory.keep(is_kept);
        }
    }
}
