//! Makes lock, log, record, socket, child and the socket's name, in that order. Each is undone when it is dropped, so that a launch
//! that fails leaves nothing; who is killed before it can undo that leaves a record by which child and files are found.

use super::spec::{Behavior, Spec};
use crate::child::stopper::Stopper;
use crate::directory::held::Held;
use crate::directory::record::RecordFile;
use crate::directory::task_directory::TaskDirectory;
use crate::info::Fixed;
use crate::lock::lock_file::Lock;
use crate::log::Log;
use crate::process::identity::{Identity, Place};
use crate::process::stat::{Process, own_pid};
use crate::server::listener::Listener;
use crate::server::serve::Server;
use crate::streams::task_streams::TaskStreams;
use crate::supervisor::Supervisor;
use crate::sys;
use crate::wire::failure::Failure;
use std::path::Path;
use std::rc::Rc;

/// A task that clients can reach, once its socket has its name.
pub struct Task {
    pub supervisor: Supervisor,
    pub server: Server,
    pub log: Rc<Log>,
}

/// `earlier_children` are those that this process had before; they are no part of the task.
pub fn make_task(spec: Spec, spec_bytes: &[u8], earlier_children: Vec<Process>) -> Result<Task, Failure> {
    let held = Held::new(Path::new(&spec.pool_path));
    let directory = Rc::new(held.map_err(|error| Failure::system(&format!("cannot use {}", spec.pool_path), &error))?);
    let identity = Identity::of(own_pid(), Process::current().map(|own| own.start_time), &Place::current());
    let lock = spec.lockfile.as_ref().map(|path| Lock::take(path, &spec.task_id, identity.clone())).transpose()?;
    let log = Rc::new(open_log(&spec, &directory)?);
    let reaps = sys::become_subreaper().is_ok();
    let stopper = Stopper::new(&spec.task_id, reaps, earlier_children);
    let task_directory = TaskDirectory::open(&directory, &spec)?;
    let in_directory = |error: std::io::Error| Failure::system("cannot use the task's directory", &error);
    if let Some(task_directory) = task_directory.as_ref().filter(|_| spec.keep_spec) {
        task_directory.keep_spec(spec_bytes).map_err(in_directory)?;
    }
    let streams = TaskStreams::new(&spec, task_directory, &log).map_err(in_directory)?;
    let record = RecordFile::new(Rc::clone(&directory), &spec.task_id, &spec.access);
    let fixed = Fixed::new(&spec, identity);
    let access = spec.access.clone();
    let mut supervisor = Supervisor::new(spec, Rc::clone(&log), fixed, lock, record, stopper, streams);
    supervisor.write_first_record()?;
    let listener = Listener::new(directory, &access)?;
    // The pid is ours from here on.
    log.publish()?;
    let server = Server::new(listener, access, Rc::clone(&log))?;
    supervisor.start()?;
    supervisor.forget_predecessor();
    Ok(Task { supervisor, server, log })
}

impl Task {
    /// Leaves the task to its record, which says all of it.
    pub fn leave(&mut self) {
        self.supervisor.record.keep();
        self.supervisor.streams.end_spool(true);
        self.server.listener.unpublish();
        self.log.remove_file();
        self.supervisor.release_lock();
    }

    /// Removes all files of the task, except the record while a process of the task may still run: clients find and end it by
    /// the record.
    pub fn remove_traces(&mut self, has_survivors: bool) {
        self.server.listener.unpublish();
        self.supervisor.remove_record(has_survivors);
        self.supervisor.streams.end_spool(has_survivors);
        self.log.remove_file();
        self.supervisor.release_lock();
    }
}

/// Where the supervisor's own words go: the caller's terminal in the foreground, else a file, which is made before the launch is
/// reported, so that a full or read-only directory fails the launch.
fn open_log(spec: &Spec, directory: &Rc<Held>) -> Result<Log, Failure> {
    if spec.behavior == Behavior::Foreground {
        return Ok(Log::to_stderr());
    }
    let name = format!("{}.out", std::process::id());
    let made = Log::to_file(Rc::clone(directory), &name, &spec.access);
    made.map_err(|error| Failure::system(&format!("cannot make {}", directory.shown(&name)), &error))
}
