//! Starts the child: no shell, a session of its own, real pipes.

use crate::launch::spec::Spec;
use crate::sys::{self, Program, StartError};
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the C library looks for a program when there is no PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A child that runs: its pid, and our ends of its stdio.
pub struct Started {
    pub pid: i32,
    /// None if it has `/dev/null`.
    pub stdin: Option<OwnedFd>,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    pub pipes: Vec<String>,
}

/// A pipe of which one end is ours, and does not block.
struct Pipe {
    ours: OwnedFd,
    childs: OwnedFd,
    name: Option<String>,
}

/// Returns when the program has been executed. If that fails, nothing is left.
pub fn start_child(spec: &Spec) -> Result<Started, Failure> {
    let system = |error: io::Error| command_failure(spec, "other", &error);
    let stdin = if spec.has_stdin { Some(input_pipe().map_err(system)?) } else { None };
    let (stdout, stderr) = (output_pipe().map_err(system)?, output_pipe().map_err(system)?);
    let null = File::open("/dev/null").map_err(system)?;
    let childs_stdin = stdin.as_ref().map_or_else(|| null.as_fd(), |pipe| pipe.childs.as_fd());
    let program = Program {
        paths: &paths_of(spec)?,
        argv: &strings(&spec.exec)?,
        env: &environment(spec)?,
        cwd: &string(&spec.cwd)?,
        umask: spec.umask,
        stdio: [childs_stdin, stdout.childs.as_fd(), stderr.childs.as_fd()],
    };
    let pid = sys::start(&program).map_err(|error| start_failure(spec, &program, error))?;
    let pipes = [stdin.as_ref(), Some(&stdout), Some(&stderr)];
    let pipes = pipes.into_iter().flatten().filter_map(|pipe| pipe.name.clone()).collect();
    Ok(Started { pid, stdin: stdin.map(|pipe| pipe.ours), stdout: stdout.ours, stderr: stderr.ours, pipes })
}

fn input_pipe() -> io::Result<Pipe> {
    let (reader, writer) = io::pipe()?;
    let ours = OwnedFd::from(writer);
    sys::set_nonblocking(ours.as_fd())?;
    Ok(Pipe { name: pipe_name(&ours), ours, childs: reader.into() })
}

fn output_pipe() -> io::Result<Pipe> {
    let (reader, writer) = io::pipe()?;
    let ours = OwnedFd::from(reader);
    sys::set_nonblocking(ours.as_fd())?;
    Ok(Pipe { name: pipe_name(&ours), ours, childs: readable_too(writer.into()) })
}

/// The child's end is open for reading too, so that it gets no SIGPIPE when we are killed. The end of the output still comes
/// when all its writers are gone. Without `/proc` it stays as it is.
fn readable_too(writer: OwnedFd) -> OwnedFd {
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    File::options().read(true).write(true).open(path).map_or(writer, OwnedFd::from)
}

fn pipe_name(fd: &OwnedFd) -> Option<String> {
    let file = File::from(fd.try_clone().ok()?);
    Some(format!("pipe:[{}]", file.metadata().ok()?.ino()))
}

fn paths_of(spec: &Spec) -> Result<Vec<CString>, Failure> {
    let path = spec.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_str());
    let paths = program_paths(spec.exec.first().map(String::as_str).unwrap_or_default(), path);
    paths.into_iter().map(|path| string(&path)).collect()
}

/// A program with a slash is that file; another one is searched in this PATH.
pub fn program_paths(program: &str, path: Option<&str>) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    let directories = path.unwrap_or(DEFAULT_PATH).split(':');
    let named = directories.map(|directory| if directory.is_empty() { "." } else { directory });
    named.map(|directory| format!("{directory}/{program}")).collect()
}

fn environment(spec: &Spec) -> Result<Vec<CString>, Failure> {
    const SUPERVISOR_PID: &str = "BGTASK_SUPERVISOR_PID";
    let given = spec.env.iter().filter(|(name, _)| name != SUPERVISOR_PID);
    let variables = given.map(|(name, value)| string(&format!("{name}={value}")));
    variables.chain([string(&format!("{SUPERVISOR_PID}={}", std::process::id()))]).collect()
}

fn strings(texts: &[String]) -> Result<Vec<CString>, Failure> {
    texts.iter().map(|text| string(text)).collect()
}

/// The spec was checked for NUL bytes.
fn string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::internal("a text for the kernel holds a NUL byte"))
}

fn start_failure(spec: &Spec, program: &Program<'_>, error: StartError) -> Failure {
    match error {
        StartError::System(error) => command_failure(spec, "other", &error),
        StartError::Cwd(error) => {
            let message =
                format!("working directory {} of {} cannot be entered: {error}", spec.cwd, program_name(spec));
            command(spec, message, "bad-cwd").with("cwd", Value::text(&spec.cwd))
        }
        StartError::Exec(error) => {
            let reason = match error.raw_os_error() {
                Some(sys::EACCES) if is_lost_in_path(spec, program) => "not-found",
                Some(sys::ENOENT | sys::ENOTDIR) => "not-found",
                Some(sys::EACCES | sys::EPERM | sys::ENOEXEC) => "not-executable",
                Some(sys::E2BIG) => "too-long",
                _ => "other",
            };
            command_failure(spec, reason, &error)
        }
    }
}

/// The kernel says EACCES of a name that is nowhere, too, if it may not look into one of the directories.
fn is_lost_in_path(spec: &Spec, program: &Program<'_>) -> bool {
    let exists = |path: &CString| path.to_str().is_ok_and(|path| Path::new(&spec.cwd).join(path).exists());
    !spec.exec.first().is_some_and(|program| program.contains('/')) && !program.paths.iter().any(exists)
}

fn command_failure(spec: &Spec, reason: &str, error: &io::Error) -> Failure {
    let program = program_name(spec);
    let message = match reason {
        "not-found" => format!("command not found: {program}"),
        "not-executable" => format!("command is not executable: {program} ({error})"),
        "too-long" => format!("arguments and environment of {program} are too long for the kernel"),
        _ => format!("command cannot be run: {program} ({error})"),
    };
    command(spec, message, reason)
}

fn command(spec: &Spec, message: String, reason: &str) -> Failure {
    let program = spec.exec.first().map(String::as_str).unwrap_or_default();
    let failure = Failure::new("ERR_BGTASK_COMMAND", message).with("command", Value::text(program));
    failure.with("reason", Value::text(reason))
}

fn program_name(spec: &Spec) -> &str {
    spec.exec.first().map(String::as_str).unwrap_or_default()
}
