//! Becoming a daemon without a shell's help (feature `detach`).

use super::spec::Behavior;
use crate::sys;
use crate::wire::failure::Failure;

/// The launcher leaves it to us to leave it.
pub const VARIABLE: &str = "BGTASK_DETACH";

/// Goes on in a process whose parent is init, or the nearest subreaper; the one that was started exits with 0.
pub fn detach(behavior: Behavior) -> Result<(), Failure> {
    if behavior == Behavior::Foreground {
        return Ok(());
    }
    match sys::fork() {
        Ok(sys::Forked::Parent) => sys::exit_now(0),
        Ok(sys::Forked::Child) => {}
        Err(error) => return Err(Failure::system("cannot fork", &error)),
    }
    if behavior == Behavior::Daemon {
        sys::new_session();
    }
    Ok(())
}
