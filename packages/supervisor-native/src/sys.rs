//! Everything that std cannot do: the calls into the C library, and all `unsafe` of this program but the allocator's. Each function takes and
//! returns safe types; what makes its block sound stands beside it. The process has one thread from its start to its end.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_short, c_uint, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

pub use crate::errors::*;

mod c {
    use super::*;

    unsafe extern "C" {
        pub(super) fn _exit(status: c_int) -> !;
        pub(super) fn chdir(path: *const c_char) -> c_int;
        pub(super) fn clone(
            body: extern "C" fn(*mut c_void) -> c_int,
            stack: *mut c_void,
            flags: c_int,
            argument: *mut c_void,
            ...
        ) -> c_int;
        pub(super) fn dup2(from: c_int, to: c_int) -> c_int;
        pub(super) fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
        pub(super) fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
        pub(super) fn fork() -> c_int;
        pub(super) fn getegid() -> c_uint;
        pub(super) fn geteuid() -> c_uint;
        pub(super) fn getpgrp() -> c_int;
        pub(super) fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> c_int;
        pub(super) fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, size: *mut c_uint) -> c_int;
        pub(super) fn ioctl(fd: c_int, request: std::ffi::c_ulong, ...) -> c_int;
        pub(super) fn kill(pid: c_int, signal: c_int) -> c_int;
        pub(super) fn mmap(
            at: *mut c_void,
            size: usize,
            prot: c_int,
            flags: c_int,
            fd: c_int,
            from: i64,
        ) -> *mut c_void;
        pub(super) fn munmap(at: *mut c_void, size: usize) -> c_int;
        pub(super) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
        pub(super) fn poll(fds: *mut super::PollFd, count: std::ffi::c_ulong, timeout_ms: c_int) -> c_int;
        pub(super) fn prctl(option: c_int, ...) -> c_int;
        pub(super) fn read(fd: c_int, buffer: *mut c_void, size: usize) -> isize;
        pub(super) fn setsid() -> c_int;
        pub(super) fn signal(signal: c_int, handler: usize) -> usize;
        pub(super) fn syscall(number: c_long, ...) -> c_long;
        pub(super) fn umask(mask: c_uint) -> c_uint;
        pub(super) fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
        pub(super) fn write(fd: c_int, bytes: *const c_void, size: usize) -> isize;
    }
}

/// Numbers of system calls that the C library may be too old to have.
#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const RT_SIGPROCMASK: std::ffi::c_long = 14;
    pub(super) const SIGNALFD4: std::ffi::c_long = 289;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub(super) const RT_SIGPROCMASK: std::ffi::c_long = 135;
    pub(super) const SIGNALFD4: std::ffi::c_long = 74;
}
const SYS_PIDFD_SEND_SIGNAL: c_long = 424;
const SYS_PIDFD_OPEN: c_long = 434;
const SYS_CLOSE_RANGE: c_long = 436;

pub const O_NONBLOCK: i32 = 0o4000;
pub const O_NOCTTY: i32 = 0o400;
/// The one flag here whose number differs between the architectures.
pub const O_NOFOLLOW: i32 = if cfg!(target_arch = "aarch64") { 0o100_000 } else { 0o400_000 };

const F_SETFL: c_int = 4;
const F_GETFL: c_int = 3;
const F_OFD_SETLK: c_int = 37;
const F_WRLCK: c_short = 1;

fn last_error() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The pid of the process that leads our group.
pub fn process_group() -> i32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { c::getpgrp() }
}

pub fn effective_uid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { c::geteuid() }
}

pub fn effective_gid() -> u32 {
    // SAFETY: takes nothing, always succeeds.
    unsafe { c::getegid() }
}

/// Makes us the leader of a session of our own; fails only if we lead one already.
pub fn new_session() {
    // SAFETY: takes nothing.
    unsafe { c::setsid() };
}

/// Sets the umask and returns the one before.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: takes an integer, always succeeds; with one thread, no file is made meanwhile.
    unsafe { c::umask(mask) }
}

/// From now on orphans among our descendants become our children.
pub fn become_subreaper() -> io::Result<()> {
    const PR_SET_CHILD_SUBREAPER: c_int = 36;
    // SAFETY: this option takes one integer.
    check(unsafe { c::prctl(PR_SET_CHILD_SUBREAPER, 1 as std::ffi::c_ulong) }).map(drop)
}

/// Which of the two processes it is that goes on after a fork.
pub enum Forked {
    Parent,
    Child,
}

pub fn fork() -> io::Result<Forked> {
    // SAFETY: there is one thread, so that no lock can be held by another one; both processes may go on with everything.
    Ok(if check(unsafe { c::fork() })? == 0 { Forked::Child } else { Forked::Parent })
}

/// Ends the process at once, without destructors.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { c::_exit(status) }
}

/// The soft limit of open descriptors.
pub fn max_descriptors() -> u64 {
    const RLIMIT_NOFILE: c_int = 7;
    let mut limit = [0_u64; 2];
    // SAFETY: `struct rlimit` is two integers of 64 bits on all 64-bit Linux; it is written, not kept.
    match unsafe { c::getrlimit(RLIMIT_NOFILE, &raw mut limit) } {
        0 => limit[0],
        _ => 1_024,
    }
}

/// Closes all descriptors from `first` on, which is above 2: the launcher leaked them.
pub fn close_inherited(first: i32) {
    // SAFETY: called first of all, when nothing of this program owns a descriptor above 2.
    let closed = unsafe { c::syscall(SYS_CLOSE_RANGE, first.max(3), c_uint::MAX, 0 as c_uint) };
    if closed == 0 {
        return;
    }
    // Before Linux 5.9. The list is taken whole first: reading it needs a descriptor too.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<RawFd> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    for fd in open.into_iter().filter(|fd| *fd >= first.max(3)) {
        // SAFETY: as above; one that is closed already (the directory's) is refused by the kernel.
        drop(unsafe { OwnedFdUnchecked::new(fd) });
    }
}

/// Closes a number that may not be open any more, which `OwnedFd` must not.
struct OwnedFdUnchecked(RawFd);

impl OwnedFdUnchecked {
    /// # Safety
    /// Nothing else may own the descriptor.
    unsafe fn new(fd: RawFd) -> Self {
        Self(fd)
    }
}

impl Drop for OwnedFdUnchecked {
    fn drop(&mut self) {
        const SYS_CLOSE: c_long = if cfg!(target_arch = "aarch64") { 57 } else { 3 };
        // SAFETY: the creator of this value promised that nothing else owns the number.
        unsafe { c::syscall(SYS_CLOSE, self.0) };
    }
}

/// Takes over descriptor 3, which the launcher has opened for us; None if it is not open. It will close on exec.
pub fn take_third() -> Option<OwnedFd> {
    const F_SETFD: c_int = 2;
    const FD_CLOEXEC: c_int = 1;
    // SAFETY: takes integers; a number that is not open is refused.
    if unsafe { c::fcntl(3, F_SETFD, FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: it is open, and called first of all, when nothing of this program owns a descriptor above 2.
    Some(unsafe { OwnedFd::from_raw_fd(3) })
}

/// Makes one of the three standard descriptors another name of `fd`.
pub fn replace_standard(fd: BorrowedFd<'_>, standard: i32) -> io::Result<()> {
    if !(0..=2).contains(&standard) {
        return Err(io::Error::from_raw_os_error(EPERM));
    }
    // SAFETY: nothing owns the standard descriptors: std borrows them for each use.
    check(unsafe { c::dup2(fd.as_raw_fd(), standard) }).map(drop)
}

pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both commands take an integer or nothing; the descriptor is open as long as it is borrowed.
    let flags = check(unsafe { c::fcntl(fd.as_raw_fd(), F_GETFL) })?;
    // SAFETY: as above.
    check(unsafe { c::fcntl(fd.as_raw_fd(), F_SETFL, flags | O_NONBLOCK) }).map(drop)
}

/// Opens a file without access to its content and without following a link. (std for musl takes `O_PATH` out of the flags.)
pub fn hold(path: &CStr) -> io::Result<OwnedFd> {
    const O_PATH: c_int = 0o10_000_000;
    const O_CLOEXEC: c_int = 0o2_000_000;
    // SAFETY: a string that ends with a null.
    let fd = check(unsafe { c::open(path.as_ptr(), O_PATH | O_NOFOLLOW | O_CLOEXEC) })?;
    // SAFETY: the kernel has just made it for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets a pipe hold so many bytes, if the system has them to give.
pub fn widen_pipe(fd: BorrowedFd<'_>, bytes: i32) {
    const F_SETPIPE_SZ: c_int = 1031;
    // SAFETY: takes an integer; the descriptor is open as long as it is borrowed.
    unsafe { c::fcntl(fd.as_raw_fd(), F_SETPIPE_SZ, bytes) };
}

/// How many bytes a pipe holds.
pub fn bytes_in_pipe(fd: BorrowedFd<'_>) -> io::Result<usize> {
    const FIONREAD: std::ffi::c_ulong = 0x541b;
    let mut count: c_int = 0;
    // SAFETY: this request writes one integer.
    check(unsafe { c::ioctl(fd.as_raw_fd(), FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// A lock of the open file description over the whole file; false if another one holds such a lock.
pub fn try_ofd_lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    #[repr(C)]
    struct Flock {
        kind: c_short,
        whence: c_short,
        start: i64,
        length: i64,
        pid: c_int,
    }
    let lock = Flock { kind: F_WRLCK, whence: 0, start: 0, length: 0, pid: 0 };
    // SAFETY: this is `struct flock` of 64-bit Linux; the kernel only reads it.
    match check(unsafe { c::fcntl(fd.as_raw_fd(), F_OFD_SETLK, &raw const lock) }) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(EAGAIN | EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The uid of the connected process.
pub fn peer_uid(fd: BorrowedFd<'_>) -> io::Result<u32> {
    const SOL_SOCKET: c_int = 1;
    const SO_PEERCRED: c_int = 17;
    let mut credentials = [0_u32; 3];
    let mut size = size_of_val(&credentials) as c_uint;
    let (value, length) = ((&raw mut credentials).cast(), &raw mut size);
    // SAFETY: `struct ucred` is pid, uid and gid of 32 bits each; the kernel writes `size` bytes at most.
    check(unsafe { c::getsockopt(fd.as_raw_fd(), SOL_SOCKET, SO_PEERCRED, value, length) })?;
    Ok(credentials[1])
}

/// What `poll` waits for, and what it found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    fd: RawFd,
    events: c_short,
    found: c_short,
}

const POLLIN: c_short = 1;
const POLLOUT: c_short = 4;
const POLLRDHUP: c_short = 0x2000;

impl PollFd {
    /// The caller keeps the descriptor open while it is polled; a number that is not open is only reported.
    pub fn new(fd: RawFd, reads: bool, writes: bool) -> Self {
        let events = if reads { POLLIN } else { 0 } | if writes { POLLOUT } else { 0 };
        Self { fd, events, found: 0 }
    }

    /// Also wants to know when the other side of a socket will send nothing more.
    pub fn or_end(mut self) -> Self {
        self.events |= POLLRDHUP;
        self
    }

    /// There is something to do: what was asked for, or an end, or an error.
    pub fn is_ready(&self) -> bool {
        self.found != 0
    }

    /// There is an end or an error.
    pub fn is_over(&self) -> bool {
        self.found & !(POLLIN | POLLOUT) != 0
    }
}

/// Waits for one of them, `timeout_ms` at most (-1: for ever). A wait that is cut short is as one whose time was up.
pub fn poll(fds: &mut [PollFd], timeout_ms: i32) {
    const LOOK_MS: i32 = 10;
    if let Err(EINVAL) = try_poll(fds, timeout_ms) {
        // The limit of descriptors was lowered below the number of open ones, and the kernel takes no more than that at a time.
        let most = usize::try_from(max_descriptors()).unwrap_or(1).max(1);
        let found: usize = fds.chunks_mut(most).filter_map(|some| try_poll(some, 0).ok()).sum();
        if found == 0 {
            let _ = try_poll(&mut [], if timeout_ms < 0 { LOOK_MS } else { timeout_ms.min(LOOK_MS) });
        }
    }
}

fn try_poll(fds: &mut [PollFd], timeout_ms: i32) -> Result<usize, i32> {
    // SAFETY: `PollFd` is `struct pollfd`, and there are as many as the length says.
    let found = unsafe { c::poll(fds.as_mut_ptr(), fds.len() as std::ffi::c_ulong, timeout_ms) };
    usize::try_from(found).map_err(|_| {
        let error = last_error();
        fds.iter_mut().for_each(|fd| fd.found = 0);
        error
    })
}

/// Sends a signal; true if a process got it. A negative pid is a group.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // 0 and -1 are everybody.
    if pid == 0 || pid == -1 {
        return Err(io::Error::from_raw_os_error(ESRCH));
    }
    // SAFETY: takes integers.
    check(unsafe { c::kill(pid, signal) }).map(drop)
}

/// A descriptor of whichever process has that pid now, readable once it has ended.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes integers.
    let fd = check(unsafe { c::syscall(SYS_PIDFD_OPEN, pid, 0 as c_uint) } as c_int)?;
    // SAFETY: the kernel has just made it for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn pidfd_signal(fd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let nothing = ptr::null::<c_void>();
    // SAFETY: no information is passed along, so the kernel reads nothing of ours.
    check(unsafe { c::syscall(SYS_PIDFD_SEND_SIGNAL, fd.as_raw_fd(), signal, nothing, 0 as c_uint) } as c_int).map(drop)
}

/// What `waitpid` has to report of a child.
pub enum Change {
    Exited(i32),
    Killed(i32),
    Stopped,
    Continued,
}

/// The next change of any of our children, if there is one now.
pub fn next_change() -> Option<(i32, Change)> {
    const WNOHANG_WUNTRACED_WCONTINUED: c_int = 1 | 2 | 8;
    let mut status = 0;
    // SAFETY: the status is written, not kept.
    let pid = unsafe { c::waitpid(-1, &raw mut status, WNOHANG_WUNTRACED_WCONTINUED) };
    if pid <= 0 {
        return None;
    }
    // As the macros WIFEXITED and so on, which are the same on all Linux.
    let change = match status & 0x7f {
        _ if status == 0xffff => Change::Continued,
        0 => Change::Exited((status >> 8) & 0xff),
        0x7f => Change::Stopped,
        signal => Change::Killed(signal),
    };
    Some((pid, change))
}

const SIG_SETMASK: c_int = 2;

fn set_signal_mask(mask: u64) -> c_long {
    let (new, old) = (&raw const mask, ptr::null_mut::<u64>());
    // SAFETY: the kernel's set is 64 bits on 64-bit Linux, which it reads; the old one is not asked for.
    unsafe { c::syscall(number::RT_SIGPROCMASK, SIG_SETMASK, new, old, 8_usize) }
}

/// All signals with their default action, so that a child inherits none that is ignored.
fn reset_signal_actions() {
    const SIG_DFL: usize = 0;
    for number in 1..=64 {
        // SAFETY: the default action runs no code of ours. What cannot be changed (SIGKILL) is refused.
        unsafe { c::signal(number, SIG_DFL) };
    }
}

/// Blocks all signals and has them come as reads of a descriptor instead: none can end us but SIGKILL.
pub fn take_signals() -> io::Result<OwnedFd> {
    const NONBLOCK_CLOEXEC: c_int = 0o4000 | 0o2_000_000;
    set_signal_mask(u64::MAX);
    reset_signal_actions();
    let all = u64::MAX;
    // SAFETY: the kernel reads a set of 64 bits.
    let fd = unsafe { c::syscall(number::SIGNALFD4, -1 as c_int, &raw const all, 8_usize, NONBLOCK_CLOEXEC) };
    let fd = check(fd as c_int)?;
    // SAFETY: the kernel has just made it for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Blocks all signals but SIGTERM: neither a terminal nor a reader that goes away ends us. Programs that are started get none of that.
pub fn block_signals() {
    const SIGTERM: u32 = 15;
    reset_signal_actions();
    set_signal_mask(!(1 << (SIGTERM - 1)));
}

/// What a child is to be. Made before the fork, after which nothing may be allocated.
pub struct Program<'a> {
    /// Tried in this order.
    pub paths: &'a [CString],
    pub argv: &'a [CString],
    pub env: &'a [CString],
    pub cwd: &'a CStr,
    pub umask: u32,
    pub stdio: [BorrowedFd<'a>; 3],
}

/// What kept a child from running its program.
pub enum StartError {
    /// No process, pipe or the like could be had.
    System(io::Error),
    Cwd(io::Error),
    /// Of the last path that was tried, or of the first one that was there.
    Exec(io::Error),
}

const STAGE_SYSTEM: i32 = 0;
const STAGE_CWD: i32 = 1;
const STAGE_EXEC: i32 = 2;
/// No failure: the value is the pid of a process that our child has started.
const STAGE_STARTED: i32 = 3;

/// Starts a program as the leader of a session of its own, with these descriptors as 0 to 2 and default signals; returns
/// when it has been executed. All other descriptors of ours close on exec.
pub fn start(program: &Program<'_>) -> Result<i32, StartError> {
    start_by(program, become_leader).map(|(child, _)| child)
}

/// The same, but the parent of the program is init, or the nearest subreaper. Without `in_new_session` it stays in our session
/// and process group.
pub fn start_orphan(program: &Program<'_>, in_new_session: bool) -> Result<i32, StartError> {
    let body = if in_new_session { leave_leader } else { leave_member };
    let (child, orphan) = start_by(program, body)?;
    let mut status = 0;
    // SAFETY: the status is written, not kept; the pid is that of our child, which has ended or does so now.
    while unsafe { c::waitpid(child, &raw mut status, 0) } < 0 && last_error() == EINTR {}
    orphan.ok_or_else(|| StartError::System(io::Error::from_raw_os_error(EIO)))
}

/// What a new process gets from the one that it shares memory with.
struct Plan<'a> {
    program: &'a Program<'a>,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// Where it reports; it closes on exec.
    report: RawFd,
    /// The stack of a process that the new one starts in turn.
    second_stack: &'a mut Pages,
}

/// Far more than the few calls between clone and exec take.
const STACK_BYTES: usize = 64 * 1024;

/// Returns the pid of our child, and that of the process which it has started, if it reported one.
fn start_by(
    program: &Program<'_>,
    body: extern "C" fn(*mut c_void) -> c_int,
) -> Result<(i32, Option<i32>), StartError> {
    let system = StartError::System;
    let no_memory = || StartError::System(io::Error::from_raw_os_error(ENOMEM));
    let (mut reports, report) = io::pipe().map_err(system)?;
    let mut stack = Pages::new(STACK_BYTES).ok_or_else(no_memory)?;
    let mut second_stack = Pages::new(STACK_BYTES).ok_or_else(no_memory)?;
    let (argv, env) = (pointers(program.argv), pointers(program.env));
    let mut plan = Plan { program, argv, env, report: report.as_raw_fd(), second_stack: &mut second_stack };
    let child = check(share_memory(&mut stack, body, &mut plan)).map_err(system)?;
    drop(report);
    // Until all who could report have executed a program or ended. On an emulator they do not share our memory, and take longer.
    let (mut orphan, mut failure) = (None, None);
    let mut words = [0_u8; 8];
    while io::Read::read_exact(&mut reports, &mut words).is_ok() {
        let [a, b, c, d, e, f, g, h] = words;
        let value = i32::from_ne_bytes([e, f, g, h]);
        let error = io::Error::from_raw_os_error(value);
        match i32::from_ne_bytes([a, b, c, d]) {
            STAGE_STARTED => orphan = Some(value),
            STAGE_CWD => failure = Some(StartError::Cwd(error)),
            STAGE_EXEC => failure = Some(StartError::Exec(error)),
            _ => failure = Some(StartError::System(error)),
        }
    }
    let Some(failure) = failure else { return Ok((child, orphan)) };
    let mut status = 0;
    // SAFETY: the status is written, not kept; the pid is that of our child, which ends now.
    while unsafe { c::waitpid(child, &raw mut status, 0) } < 0 && last_error() == EINTR {}
    Err(failure)
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// Runs `body` in a new process with our memory, while we wait until it has executed a program or ended: no page of ours is
/// copied. Returns its pid, or -1.
fn share_memory(stack: &mut Pages, body: extern "C" fn(*mut c_void) -> c_int, plan: &mut Plan<'_>) -> c_int {
    const CLONE_VM: c_int = 0x100;
    const CLONE_VFORK: c_int = 0x4000;
    const SIGCHLD: c_int = 17;
    let top = stack.bytes_mut().as_mut_ptr_range().end;
    let argument: *mut Plan<'_> = plan;
    // SAFETY: the stack is ours alone and its top is aligned to a page. The calling thread, our only one, stands still until the
    // new process has executed a program or ended, so that `plan` outlives its use; the bodies below call only functions that are
    // safe after a fork, on memory made before it, and never return.
    unsafe { c::clone(body, top.cast(), CLONE_VM | CLONE_VFORK | SIGCHLD, argument.cast()) }
}

extern "C" fn become_leader(plan: *mut c_void) -> c_int {
    // SAFETY: `share_memory` passes a plan that is alive and that only this process uses now.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    // SAFETY: takes nothing.
    unsafe { c::setsid() };
    become_program(plan)
}

extern "C" fn become_member(plan: *mut c_void) -> c_int {
    // SAFETY: as in `become_leader`.
    become_program(unsafe { &*plan.cast::<Plan<'_>>() })
}

extern "C" fn leave_leader(plan: *mut c_void) -> c_int {
    leave(plan, become_leader)
}

extern "C" fn leave_member(plan: *mut c_void) -> c_int {
    leave(plan, become_member)
}

/// Starts another process and ends, so that the other one has lost its parent.
fn leave(plan: *mut c_void, body: extern "C" fn(*mut c_void) -> c_int) -> ! {
    // SAFETY: as in `become_leader`.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    let mut stack = Pages { start: plan.second_stack.start, size: plan.second_stack.size };
    let pid = share_memory(&mut stack, body, plan);
    // The one that made it gives it back.
    std::mem::forget(stack);
    if pid < 0 {
        fail(plan.report, STAGE_SYSTEM, last_error());
    }
    report_to(plan.report, STAGE_STARTED, pid);
    exit_now(0)
}

/// In a process that was just made.
fn become_program(plan: &Plan<'_>) -> ! {
    let Plan { program, report, .. } = plan;
    set_signal_mask(0);
    for (standard, fd) in (0..).zip(program.stdio) {
        // SAFETY: takes integers. The three are above 2, since 0 to 2 are always open in the parent.
        if unsafe { c::dup2(fd.as_raw_fd(), standard) } < 0 {
            fail(*report, STAGE_SYSTEM, last_error());
        }
    }
    // SAFETY: takes an integer.
    unsafe { c::umask(program.umask) };
    // SAFETY: a string that ends with a null.
    if unsafe { c::chdir(program.cwd.as_ptr()) } < 0 {
        fail(*report, STAGE_CWD, last_error());
    }
    let mut reason = ENOENT;
    for path in program.paths {
        // SAFETY: strings and arrays that end with a null, made by `pointers` of strings that outlive the plan.
        unsafe { c::execve(path.as_ptr(), plan.argv.as_ptr(), plan.env.as_ptr()) };
        match last_error() {
            ENOENT | ENOTDIR | ENAMETOOLONG | ELOOP => {}
            EACCES => reason = EACCES,
            other => fail(*report, STAGE_EXEC, other),
        }
    }
    fail(*report, STAGE_EXEC, reason)
}

fn fail(report: RawFd, stage: i32, error: i32) -> ! {
    report_to(report, stage, error);
    exit_now(127)
}

fn report_to(report: RawFd, stage: i32, value: i32) {
    let mut words = [0_u8; 8];
    let bytes = stage.to_ne_bytes().into_iter().chain(value.to_ne_bytes());
    for (word, byte) in words.iter_mut().zip(bytes) {
        *word = byte;
    }
    // SAFETY: eight bytes that are there.
    unsafe { c::write(report, words.as_ptr().cast(), words.len()) };
}

/// Memory of its own, given back to the system when it is dropped; pages that were never written cost nothing.
pub struct Pages {
    start: *mut u8,
    size: usize,
}

impl Pages {
    /// None if there is no memory.
    pub fn new(size: usize) -> Option<Self> {
        const READ_WRITE: c_int = 1 | 2;
        const PRIVATE_ANONYMOUS: c_int = 2 | 0x20;
        // SAFETY: the kernel chooses the place, so that nothing of ours is there.
        let start = unsafe { c::mmap(ptr::null_mut(), size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0) };
        (start as isize != -1).then_some(Self { start: start.cast(), size })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `size` bytes that are mapped as long as `self` lives, zero at first, and written only through `&mut self`.
        unsafe { std::slice::from_raw_parts(self.start, self.size) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.size) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this size, and nothing borrows it any more.
        unsafe { c::munmap(self.start.cast(), self.size) };
    }
}

/// Reads once, whatever kind of descriptor it is.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes as many bytes as the buffer has at most.
    let count = unsafe { c::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count.unsigned_abs()) }
}

/// Writes once, whatever kind of descriptor it is.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads as many bytes as there are.
    let count = unsafe { c::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(count.unsigned_abs()) }
}

/// One of the three standard descriptors, which are always open.
pub fn standard(number: i32) -> BorrowedFd<'static> {
    // SAFETY: std opens what is closed of them before `main`, and nothing here closes them.
    unsafe { BorrowedFd::borrow_raw(number.clamp(0, 2)) }
}
