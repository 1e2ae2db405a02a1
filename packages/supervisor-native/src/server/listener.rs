//! The task's unix socket in the pool's directory. It is made in a private directory, claims the names of our pid, and gets its
//! own when the task is there.

use crate::directory::claim::{link_unless_taken, remove_dead_socket};
use crate::directory::files::{remove_file, remove_if_same};
use crate::directory::held::Held;
use crate::launch::spec::Access;
use crate::wire::failure::Failure;
use crate::wire::value::Value;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::rc::Rc;

/// What the kernel takes as the path of a unix socket.
const MAX_PATH_BYTES: usize = 107;

pub struct Listener {
    pub socket: UnixListener,
    directory: Rc<Held>,
    name: String,
    claim: String,
    inode: u64,
}

impl Listener {
    /// Listens under the name that claims our pid.
    pub fn new(directory: Rc<Held>, access: &Access) -> Result<Self, Failure> {
        let pid = std::process::id();
        let (name, claim) = (format!("{pid}.sock"), format!(".{pid}.s"));
        check_length(&directory.shown(&name))?;
        let fail = |error: io::Error| Failure::system(&format!("cannot listen at {}", directory.shown(&claim)), &error);
        let (private_name, private) = directory.make_private().map_err(fail)?;
        let made = private.at("s");
        let listening = listen(&made, access).map_err(fail).and_then(|(socket, inode)| {
            link_unless_taken(&made, &directory, &claim)?;
            Ok(Self { socket, directory: Rc::clone(&directory), name, claim, inode })
        });
        remove_file(&made);
        // Empty again; a file that another user adds cannot be removed, and is not ours.
        let _ = std::fs::remove_dir(directory.at(&private_name));
        let listener = listening?;
        remove_dead_socket(&directory, &listener.name)?;
        Ok(listener)
    }

    /// Gives the socket its name.
    pub fn publish(&self) -> Result<(), Failure> {
        let claim = self.directory.at(&self.claim);
        link_unless_taken(&claim, &self.directory, &self.name)?;
        remove_if_same(&claim, self.inode);
        Ok(())
    }

    /// Removes the socket from the directory; connections stay. Another file may have replaced it.
    pub fn unpublish(&self) {
        remove_if_same(&self.directory.at(&self.claim), self.inode);
        remove_if_same(&self.directory.at(&self.name), self.inode);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.unpublish();
    }
}

/// In a private directory, so that no link can be followed.
fn listen(path: &Path, access: &Access) -> io::Result<(UnixListener, u64)> {
    let socket = UnixListener::bind(path)?;
    socket.set_nonblocking(true)?;
    if let Some(gid) = access.gid {
        std::os::unix::fs::lchown(path, None, Some(gid))?;
    }
    std::fs::set_permissions(path, Permissions::from_mode(access.mode & 0o666))?;
    Ok((socket, std::fs::symlink_metadata(path)?.ino()))
}

fn check_length(path: &str) -> Result<(), Failure> {
    let bytes = path.len();
    if bytes <= MAX_PATH_BYTES {
        return Ok(());
    }
    let message = format!("socket path {path} has {bytes} bytes, the limit is {MAX_PATH_BYTES}");
    let number = |value: usize| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let failure = Failure::new("ERR_BGTASK_PATH_TOO_LONG", message).with("path", Value::text(path));
    Err(failure.with("bytes", number(bytes)).with("limit", number(MAX_PATH_BYTES)))
}
