//! The report to the launcher, on stderr.

use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::json::Json;
use std::io;

/// A launcher that does not read must not keep a supervisor for ever.
const MAX_WAITS: u32 = 100;
const WAIT_MS: i32 = 50;

/// The task can be controlled. Fails if the launcher is gone.
pub fn ready() -> io::Result<()> {
    say(&format!("DAEMON_PID={}\n", std::process::id()))
}

/// Why there will be no task: for programs, then for people.
pub fn failure(failure: &Failure) {
    let mut json = Json::default();
    failure.write(&mut json);
    // The launcher may be gone: an error cannot be reported.
    let _ = say(&format!("BGTASK_ERROR={}\n{}\n", json.text, failure.message));
}

fn say(text: &str) -> io::Result<()> {
    let mut rest = text.as_bytes();
    let mut waits = 0;
    while !rest.is_empty() {
        match sys::write(sys::standard(2), rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.raw_os_error() == Some(sys::EINTR) => {}
            Err(error) if error.raw_os_error() == Some(sys::EAGAIN) && waits < MAX_WAITS => {
                waits += 1;
                sys::poll(&mut [sys::PollFd::new(2, false, true)], WAIT_MS);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
