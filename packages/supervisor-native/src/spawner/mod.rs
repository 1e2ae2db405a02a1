//! The spawner (`bgtask-supervisor --spawner`): starts supervisors for one caller, which would block for long if it forked itself.
//! It takes launches from a socket, descriptor 3, and ends when that does.
//!
//! # Frames
//!
//! Both sides send frames: `kind`, `id` and `length`, each 32 bits and little-endian, and then `length` bytes. The caller chooses
//! the `id` of a launch, and may use it again after `END`.
//!
//! | kind | from | | bytes |
//! |---|---|---|---|
//! | 1 `LAUNCH` | caller | starts a supervisor | `session` (1: its own, 0: the caller's), `umask`, `argc`, `envc`, each 32 bits; then the working directory, `argc` words and `envc` variables `NAME=value`, each ended by a NUL byte. An empty directory is `/` |
//! | 2 `DATA` | caller | bytes for its stdin | at most 64 KiB that the spawner has not reported as `TAKEN` |
//! | 3 `EOF` | caller | the end of its stdin | none |
//! | 4 `CLOSE` | caller | closes both pipes; no frame of this launch comes after the ones that are on their way | none |
//! | 5 `STARTED` | spawner | the program was executed | its pid, 32 bits |
//! | 6 `FAILED` | spawner | it could not be; `END` follows | the step (0 a system call, 1 the working directory, 2 the exec) and the error number, 32 bits each |
//! | 7 `TAKEN` | spawner | so many bytes of its stdin were taken | the number, 32 bits |
//! | 8 `STDERR` | spawner | bytes of its stderr | at most 64 KiB |
//! | 9 `END` | spawner | the end of its stderr; the launch is forgotten | none |
//!
//! Frames of a launch that is not known are ignored, since it may have ended meanwhile. Whatever else is not as in this table ends
//! the spawner.

mod frames;
mod launch;
mod plan;
mod serve;

pub use frames::{Frame, Inbox, MAX_FRAME_BYTES};
pub use plan::Plan;

use crate::sys;

/// Serves until the socket ends. Returns the exit status.
pub fn run() -> i32 {
    let Some(socket) = sys::take_third() else {
        eprintln!("bgtask-supervisor --spawner: descriptor 3 is not open; a pool starts it with a socket there");
        return 2;
    };
    sys::close_inherited(4);
    sys::block_signals();
    // So that no file system is kept busy; each launch names its own.
    let _ = std::env::set_current_dir("/");
    match serve::serve(socket) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("bgtask-supervisor --spawner: {error}");
            1
        }
    }
}
