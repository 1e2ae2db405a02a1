//! Names in the directory are claimed, never replaced: in another pid namespace a supervisor with our pid may live.

use super::files::remove_if_same;
use super::held::Held;
use crate::sys;
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Gives a file a further name. Replaces only a dead socket of this user.
pub fn link_unless_taken(from: &Path, directory: &Held, name: &str) -> Result<(), Failure> {
    let link = || match std::fs::hard_link(from, directory.at(name)) {
        Err(error) if error.raw_os_error() == Some(sys::EEXIST) => Ok(false),
        Err(error) => Err(Failure::system(&format!("cannot make {}", directory.shown(name)), &error)),
        Ok(()) => Ok(true),
    };
    if link()? {
        return Ok(());
    }
    remove_dead_socket(directory, name)?;
    if link()? { Ok(()) } else { Err(name_taken(directory, name, "another process took it first")) }
}

/// Removes a dead socket of this user, if there is one; fails if it is anything else.
pub fn remove_dead_socket(directory: &Held, name: &str) -> Result<(), Failure> {
    let path = directory.at(name);
    let Ok(data) = std::fs::symlink_metadata(&path) else { return Ok(()) };
    if data.uid() != sys::effective_uid() {
        return Err(name_taken(directory, name, &format!("it belongs to uid {}", data.uid())));
    }
    if !data.file_type().is_socket() {
        return Err(name_taken(directory, name, "it is not a socket"));
    }
    if is_open(&path) {
        return Err(name_taken(directory, name, "a supervisor with this pid is there"));
    }
    remove_if_same(&path, data.ino());
    Ok(())
}

/// No child has been started yet, so that a launcher may try another supervisor, with another pid.
pub fn name_taken(directory: &Held, name: &str, why: &str) -> Failure {
    let path = directory.shown(name);
    Failure::new("NAME_TAKEN", format!("the name {path} is taken: {why}")).with("path", Value::Text(path))
}

/// Whether a socket is open there. A connect of another type never succeeds and never waits, but the kernel looks for the socket
/// first.
fn is_open(path: &Path) -> bool {
    let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    !connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
