//! Makes lock, log, record, socket, child and the socket's name, in that order. Whatever fails undoes what was there before; who is
//! killed before it can undo that leaves a record by which child and files are found.

use super::spec::{Behavior, Spec};
use crate::child::stopper::Stopper;
use crate::info::Fixed;
use crate::lock::lock_file::Lock;
use crate::log::Log;
use crate::process::identity::{Identity, Place};
use crate::process::stat::{Process, own_pid};
use crate::record::{RecordFile, create_owned, remove_file};
use crate::server::listener::{Listener, refuse_living, socket_path};
use crate::server::serve::Server;
use crate::supervisor::Supervisor;
use crate::sys;
use crate::wire::failure::Failure;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A task that clients can reach, once its socket has its name.
pub struct Task {
    pub supervisor: Supervisor,
    pub server: Server,
    pub log: Rc<Log>,
    log_path: Option<PathBuf>,
}

/// What has been made so far; dropped without `keep` it is removed again.
struct Traces {
    log_path: Option<PathBuf>,
    record: Option<RecordFile>,
}

impl Traces {
    fn keep(mut self) -> Option<PathBuf> {
        self.record = None;
        self.log_path.take()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(record) = &mut self.record {
            record.remove();
        }
        self.log_path.iter().for_each(|path| remove_file(path));
    }
}

/// `earlier_children` are those that this process had before; they are no part of the task.
pub fn make_task(spec: Spec, earlier_children: Vec<Process>) -> Result<Task, Failure> {
    let pool = PathBuf::from(&spec.pool_path);
    let identity = Identity::of(own_pid(), Process::current().map(|own| own.start_time), &Place::current());
    let lock = spec.lockfile.as_ref().map(|path| Lock::take(path, &spec.task_id, identity.clone())).transpose()?;
    let lock = ReleasedIfDropped(lock);
    refuse_living(&socket_path(&pool))?;

    let mut traces = Traces { log_path: None, record: None };
    let log = Rc::new(open_log(&spec, &pool, &mut traces)?);
    let reaps = sys::become_subreaper().is_ok();
    let stopper = Stopper::new(&spec.task_id, reaps, earlier_children);
    traces.record = Some(RecordFile::new(&pool, &spec.task_id, &spec.access));
    let record = RecordFile::new(&pool, &spec.task_id, &spec.access);
    let fixed = Fixed::new(&spec, identity);
    let access = spec.access.clone();
    let mut supervisor = Supervisor::new(spec, Rc::clone(&log), fixed, None, record, stopper);
    supervisor.write_record().map_err(|error| {
        let path = supervisor.record_path().display();
        Failure::new("NOT_RECORDED", format!("cannot write {path}: {error}"))
    })?;
    let listener = Unpublished(Some(Listener::new(&pool, &access)?));
    supervisor.set_lock(lock.keep());
    if let Err(failure) = supervisor.start() {
        supervisor.release_lock();
        return Err(failure);
    }
    let log_path = traces.keep();
    let Some(listener) = listener.keep() else { return Err(Failure::internal("there is no socket")) };
    let server = Server::new(listener, access, Rc::clone(&log));
    Ok(Task { supervisor, server, log, log_path })
}

impl Task {
    /// Takes everything of the task out of the directory, but for the record while something of the task may still run: it is how
    /// that is told, and ended.
    pub fn remove_traces(&mut self, has_survivors: bool) {
        self.server.listener.unpublish();
        if !has_survivors {
            self.supervisor.remove_record();
        }
        self.log_path.iter().for_each(|path| remove_file(path));
        self.supervisor.release_lock();
    }
}

/// Where the supervisor's own words go: the caller's terminal in the foreground, else a file, which is made before the launch is
/// reported, so that a full or read-only directory fails the launch.
fn open_log(spec: &Spec, pool: &Path, traces: &mut Traces) -> Result<Log, Failure> {
    if spec.behavior == Behavior::Foreground {
        return Ok(Log::new(None));
    }
    let path = pool.join(format!("{}.out", std::process::id()));
    let made = create_owned(&path, &spec.access);
    let file = made.map_err(|error| Failure::internal(format!("cannot make {}: {error}", path.display())))?;
    traces.log_path = Some(path);
    Ok(Log::new(Some(file)))
}

/// Another one may take the lock at once, and finds no line of ours in the file.
struct ReleasedIfDropped(Option<Lock>);

impl ReleasedIfDropped {
    fn keep(mut self) -> Option<Lock> {
        self.0.take()
    }
}

impl Drop for ReleasedIfDropped {
    fn drop(&mut self) {
        if let Some(lock) = &mut self.0 {
            lock.release();
        }
    }
}

struct Unpublished(Option<Listener>);

impl Unpublished {
    fn keep(mut self) -> Option<Listener> {
        self.0.take()
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(listener) = &self.0 {
            listener.unpublish();
        }
    }
}
