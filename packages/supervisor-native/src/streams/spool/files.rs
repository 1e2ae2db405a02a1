//! A stream in files of bounded size: the newest one is appended to, the oldest ones are removed as a whole.

use crate::directory::task_directory::segment;
use crate::launch::spec::Access;
use crate::sys;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Segment {
    from: u64,
    length: u64,
}

impl Segment {
    fn end(self) -> u64 {
        self.from + self.length
    }
}

#[derive(Default)]
struct List {
    segments: VecDeque<Segment>,
    /// In all of them.
    bytes: u64,
}

/// What is in the files: changed by the thread that writes, looked at by the one that serves. It is never locked during a call that
/// may take long.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<List>>);

impl Known {
    pub fn first_offset(&self) -> Option<u64> {
        self.list().segments.front().map(|segment| segment.from)
    }

    pub fn bytes(&self) -> u64 {
        self.list().bytes
    }

    /// The first offset from `from` on whose byte is in a file.
    pub fn find(&self, from: u64) -> Option<u64> {
        self.segment_at(from).map(|segment| segment.from.max(from))
    }

    fn segment_at(&self, from: u64) -> Option<Segment> {
        self.list().segments.iter().find(|segment| from < segment.end()).copied()
    }

    fn newest(&self) -> Option<Segment> {
        self.list().segments.back().copied()
    }

    fn oldest(&self) -> Option<Segment> {
        self.list().segments.front().copied()
    }

    fn begin(&self, from: u64) {
        self.list().segments.push_back(Segment { from, length: 0 });
    }

    fn grow(&self, count: u64) {
        let mut list = self.list();
        list.bytes += count;
        if let Some(newest) = list.segments.back_mut() {
            newest.length += count;
        }
    }

    fn forget(&self, from: u64) {
        let mut list = self.list();
        let Some(place) = list.segments.iter().position(|segment| segment.from == from) else { return };
        if let Some(segment) = list.segments.remove(place) {
            list.bytes -= segment.length;
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Bounds {
    pub max_bytes: u64,
    pub segment_bytes: u64,
    /// Oldest segments make room for new bytes; otherwise only `discard` removes any.
    pub drops_oldest: bool,
    /// Bytes are to be on the disk once `sync` has returned.
    pub syncs: bool,
}

pub struct Files {
    /// A name of the directory's descriptor.
    directory: PathBuf,
    stream: u8,
    /// Bytes of what the names count.
    unit: u64,
    bounds: Bounds,
    access: Access,
    known: Known,
    /// The newest one. None before the first byte, and after a failure: the next bytes begin another file.
    open: Option<File>,
}

impl Files {
    pub fn new(directory: PathBuf, stream: u8, unit: u64, bounds: Bounds, access: Access) -> Self {
        Self { directory, stream, unit, bounds, access, known: Known::default(), open: None }
    }

    /// Takes over what an earlier supervisor has written. The next bytes begin another file.
    pub fn take_over(&self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let data = entry.metadata()?;
            if let Some((stream, from)) = entry.file_name().to_str().and_then(segment)
                && stream == self.stream
                && data.is_file()
            {
                found.push((from, data.len() - data.len() % self.unit));
            }
        }
        found.sort_unstable();
        for (from, length) in found {
            self.known.begin(from * self.unit);
            self.known.grow(length);
            if length == 0 {
                // Its name is that of the next one.
                self.remove(from * self.unit)?;
            }
        }
        Ok(())
    }

    /// One past the newest byte; 0 if there is none.
    pub fn end_offset(&self) -> u64 {
        self.known.newest().map_or(0, Segment::end)
    }

    pub fn known(&self) -> Known {
        self.known.clone()
    }

    /// Appends bytes that begin at an offset. Returns where the written ones end, also if it failed.
    pub fn append(&mut self, from: u64, mut bytes: &[u8]) -> (u64, io::Result<()>) {
        let mut end = from;
        while !bytes.is_empty() {
            match self.append_once(end, bytes) {
                Ok(count) => {
                    end += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.leave();
                    return (end, Err(error));
                }
            }
        }
        (end, Ok(()))
    }

    /// Bytes from an offset on, from one file; if that offset is in none, from the next one. None if that file is gone: what is kept
    /// has changed.
    pub fn read(&self, from: u64, most: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        let Some(segment) = self.known.segment_at(from) else { return Ok(None) };
        let offset = from.max(segment.from);
        let length = usize::try_from(most.min(segment.end() - offset)).unwrap_or(0);
        let mut bytes = vec![0; length];
        let flags = sys::O_NOFOLLOW | sys::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(self.path(segment.from));
        let count = match opened.and_then(|file| file.read_at(&mut bytes, offset - segment.from)) {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            count => count?,
        };
        if count == 0 {
            // Another process has removed it, or what was in it.
            self.known.forget(segment.from);
            return Ok(None);
        }
        bytes.truncate(count);
        Ok(Some((offset, bytes)))
    }

    /// Removes the files that hold only bytes before `up_to`; the newest one only if it is full.
    pub fn discard(&mut self, up_to: u64) {
        while let Some(oldest) = self.known.oldest() {
            let is_newest = self.known.newest() == Some(oldest);
            if oldest.end() > up_to || is_newest && oldest.length < self.bounds.segment_bytes {
                return;
            }
            if self.remove(oldest.from).is_err() {
                return;
            }
        }
    }

    /// Brings what was written to the disk.
    pub fn sync(&self) -> io::Result<()> {
        match &self.open {
            Some(file) if self.bounds.syncs => file.sync_data(),
            _ => Ok(()),
        }
    }

    fn append_once(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let inside = self.open_for(offset)?;
        let room = usize::try_from(self.bounds.segment_bytes - inside).unwrap_or(usize::MAX);
        let some = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.make_room(some.len() as u64)?;
        let Some(file) = &self.open else { return Err(io::Error::other("there is no file")) };
        match file.write_at(some, inside)? {
            0 => Err(ErrorKind::WriteZero.into()),
            count => {
                self.known.grow(count as u64);
                Ok(count)
            }
        }
    }

    /// Opens the file that takes the byte at that offset. Returns its place in there.
    fn open_for(&mut self, offset: u64) -> io::Result<u64> {
        if let (Some(file), Some(newest)) = (&self.open, self.known.newest())
            && newest.end() == offset
            && newest.length < self.bounds.segment_bytes
        {
            // A file without a name takes bytes without an error, but no reader could open it.
            return if file.metadata()?.nlink() > 0 { Ok(newest.length) } else { Err(ErrorKind::NotFound.into()) };
        }
        self.sync()?;
        self.leave();
        let flags = sys::O_NOFOLLOW;
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(flags).open(self.path(offset))?;
        self.known.begin(offset);
        let file = self.open.insert(file);
        if let Some(gid) = self.access.gid {
            fchown(&*file, None, Some(gid))?;
        }
        file.set_permissions(Permissions::from_mode(self.access.mode & 0o666))?;
        Ok(0)
    }

    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        while self.known.bytes() + bytes > self.bounds.max_bytes {
            match self.known.oldest() {
                Some(oldest) if self.bounds.drops_oldest && self.known.newest() != Some(oldest) => {
                    self.remove(oldest.from)?;
                }
                _ => {
                    let most = self.bounds.max_bytes;
                    return Err(io::Error::other(format!(
                        "{most} bytes are the most, and no client has discarded any"
                    )));
                }
            }
        }
        Ok(())
    }

    fn remove(&self, from: u64) -> io::Result<()> {
        self.known.forget(from);
        match std::fs::remove_file(self.path(from)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Without one that is empty, whose name the next try needs.
    fn leave(&mut self) {
        if self.open.take().is_some()
            && let Some(newest) = self.known.newest()
            && newest.length == 0
        {
            let _ = self.remove(newest.from);
        }
    }

    fn path(&self, from: u64) -> PathBuf {
        self.directory.join(format!("{}.{:016}", self.stream, from / self.unit))
    }
}
