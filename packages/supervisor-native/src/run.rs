//! The main function: prints the version, serves as a spawner, or is a supervisor, which reads the launch spec from stdin, makes the task, reports, and serves until it is terminated.

use crate::child::stopper::earlier_children;
use crate::daemon::Daemon;
use crate::info::SOFTWARE;
use crate::launch::make_task::make_task;
use crate::launch::parse_spec::parse_spec;
use crate::launch::spec::{self, Behavior};
use crate::launch::{detach, report, stdio};
use crate::leader::Leader;
use crate::spawner;
use crate::sys;
use crate::wire::failure::Failure;

/// Returns the exit status, when all is over.
pub fn run() -> i32 {
    match std::env::args_os().nth(1) {
        Some(option) if option == "--spawner" => spawner::run(),
        Some(option) if option == "--version" => {
            println!("{SOFTWARE}");
            0
        }
        _ => supervise(),
    }
}

fn supervise() -> i32 {
    sys::close_inherited(3);
    // So that no file system is kept busy by a task that does not use it, or by a standby.
    let _ = std::env::set_current_dir("/");
    match launch() {
        Ok(Some(mut daemon)) => {
            daemon.serve();
            // The connections end with the process, so that a client that waits for their end finds it gone.
            sys::exit_now(0)
        }
        // stdin ended without a spec: the one that might have wanted this supervisor is gone.
        Ok(None) => 0,
        Err(failure) => {
            report::failure(&failure);
            1
        }
    }
}

/// None if no spec was sent.
fn launch() -> Result<Option<Daemon>, Failure> {
    let bytes = spec::read()?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let started_as = std::process::id();
    let spec = parse_spec(&bytes);
    if std::env::var_os(detach::VARIABLE).is_some_and(|value| value == "1") {
        // What is wrong with a spec is not for the process that was started to say.
        detach::detach(spec.as_ref().map_or(Behavior::Daemon, |spec| spec.behavior))?;
    }
    let spec = spec?;
    let behavior = spec.behavior;
    let leader = if behavior == Behavior::Background { Leader::of_our_group(started_as) } else { None };
    // Before anything is made: a signal in the middle of the launch must not leave half of it.
    let signals = sys::take_signals().map_err(|error| Failure::system("cannot take signals", &error))?;
    let mut daemon = Daemon::new(make_task(spec, &bytes, earlier_children())?, signals, leader);
    drop(bytes);
    // What has happened meanwhile comes before the task is announced.
    let published = daemon.task.server.listener.publish();
    let reported = published.and_then(|()| report::ready().map_err(|error| Failure::system("cannot report", &error)));
    if let Err(failure) = reported {
        daemon.undo();
        return Err(failure);
    }
    stdio::release(behavior, &daemon.task.log);
    if behavior == Behavior::Foreground {
        daemon.task.supervisor.streams.show();
    }
    Ok(Some(daemon))
}
