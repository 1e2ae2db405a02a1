//! The names of signals, with their numbers as on all architectures that this is built for.

use crate::wire::failure::Failure;
use crate::wire::fields::Fields;

const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

const SECOND_NAMES: [(&str, i32); 3] = [("SIGIOT", SIGABRT), ("SIGPOLL", 29), ("SIGUNUSED", 31)];

pub const SIGHUP: i32 = 1;
pub const SIGINT: i32 = 2;
pub const SIGQUIT: i32 = 3;
pub const SIGABRT: i32 = 6;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;
pub const SIGCONT: i32 = 18;

/// The number of a signal by its name with `SIG`.
pub fn number(name: &str) -> Option<i32> {
    let second = SECOND_NAMES.iter().find(|(second, _)| *second == name).map(|(_, number)| *number);
    second.or_else(|| (1..).zip(NAMES).find(|(_, first)| *first == name).map(|(number, _)| number))
}

/// The usual name of a signal; a real-time signal has none but its number.
pub fn name(number: i32) -> String {
    let place = usize::try_from(number - 1).ok();
    place.and_then(|place| NAMES.get(place)).map_or_else(|| format!("SIG{number}"), |name| (*name).to_owned())
}

/// A signal stops a process, or makes it go on.
pub fn is_pausing(number: i32) -> bool {
    (SIGCONT..=22).contains(&number)
}

/// Takes the value of a key that names a signal.
pub fn take(fields: &Fields<'_>, key: &str) -> Result<i32, Failure> {
    match number(fields.text(key)?) {
        Some(number) => Ok(number),
        None => fields.refuse(key, "must be the name of a signal, such as SIGTERM"),
    }
}
