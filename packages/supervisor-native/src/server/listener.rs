//! The task's unix socket in the pool's directory. It listens under a temporary name until `publish`, so that nobody finds a task
//! half made.

use crate::launch::spec::Access;
use crate::record::remove_file;
use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::ffi::CString;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

/// What the kernel takes as the path of a unix socket.
const MAX_PATH_BYTES: usize = 107;

pub struct Listener {
    pub socket: UnixListener,
    path: PathBuf,
    temporary: PathBuf,
    inode: u64,
}

impl Listener {
    pub fn new(pool: &Path, access: &Access) -> Result<Self, Failure> {
        let pid = std::process::id();
        let (path, temporary) = (socket_path(pool), pool.join(format!(".{pid}.s")));
        let bytes = path.as_os_str().as_bytes().len();
        if bytes > MAX_PATH_BYTES {
            return Err(too_long(&path, bytes));
        }
        let made = listen(&temporary, access);
        let (socket, inode) = made.map_err(|error| {
            remove_file(&temporary);
            Failure::system(&format!("cannot listen at {}", temporary.display()), &error)
        })?;
        Ok(Self { socket, path, temporary, inode })
    }

    /// Gives the socket its name, unless a living one has it: then that is another supervisor's, of another pid namespace or
    /// machine, which must not become unreachable.
    pub fn publish(&self) -> Result<(), Failure> {
        let fail = |error: io::Error| Failure::system(&format!("cannot publish {}", self.path.display()), &error);
        match std::fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => remove_file(&self.temporary),
            Err(error) if error.raw_os_error() == Some(sys::EEXIST) => {
                refuse_living(&self.path)?;
                std::fs::remove_file(&self.path).map_err(fail)?;
                std::fs::hard_link(&self.temporary, &self.path).map_err(fail)?;
                remove_file(&self.temporary);
            }
            // A file system without links.
            Err(_) => {
                refuse_living(&self.path)?;
                std::fs::rename(&self.temporary, &self.path).map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Takes the socket out of the directory; connections stay.
    pub fn unpublish(&self) {
        remove_file(&self.temporary);
        // Somebody may have put something of their own in its place.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|data| data.ino() == self.inode) {
            remove_file(&self.path);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.unpublish();
    }
}

pub fn socket_path(pool: &Path) -> PathBuf {
    pool.join(format!("{}.sock", std::process::id()))
}

/// Fails where what has the socket's name is somebody else's: a socket that is listened on, or no socket at all.
pub fn refuse_living(path: &Path) -> Result<(), Failure> {
    let Ok(data) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if data.file_type().is_socket() && !is_open(path) {
        return Ok(());
    }
    let message = format!("EEXIST: {} is somebody else's", path.display());
    Err(Failure::new("EEXIST", message).with("path", Value::text(&path.to_string_lossy())))
}

/// Whether a socket is open there. A connect of another type never succeeds and never waits, but the kernel looks for the socket
/// first.
fn is_open(path: &Path) -> bool {
    let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    !connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn listen(path: &Path, access: &Access) -> io::Result<(UnixListener, u64)> {
    if std::fs::symlink_metadata(path).is_ok() {
        std::fs::remove_file(path)?;
    }
    // Nobody but the owner until it has its group.
    let umask = sys::set_umask(0o777 & !(access.mode & 0o600));
    let bound = UnixListener::bind(path);
    sys::set_umask(umask);
    let socket = bound?;
    socket.set_nonblocking(true)?;
    // What was made, and not what somebody puts in its place: it is held while it gets its group and mode.
    let made = File::from(sys::hold(&CString::new(path.as_os_str().as_bytes())?)?);
    let data = made.metadata()?;
    if !data.file_type().is_socket() {
        return Err(io::Error::other("something else has taken its place"));
    }
    let held = format!("/proc/self/fd/{}", made.as_raw_fd());
    if let Some(gid) = access.gid.filter(|gid| *gid != data.gid()) {
        std::os::unix::fs::chown(&held, None, Some(gid))?;
    }
    let mode = access.mode & 0o666;
    if made.metadata()?.mode() & 0o7777 != mode {
        std::fs::set_permissions(&held, Permissions::from_mode(mode))?;
    }
    Ok((socket, data.ino()))
}

fn too_long(path: &Path, bytes: usize) -> Failure {
    let message = format!("socket path {} has {bytes} bytes, the limit is {MAX_PATH_BYTES}", path.display());
    let failure = Failure::new("ERR_BGTASK_PATH_TOO_LONG", message);
    let failure = failure.with("path", Value::text(&path.to_string_lossy()));
    let number = |value: usize| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    failure.with("bytes", number(bytes)).with("limit", number(MAX_PATH_BYTES))
}
