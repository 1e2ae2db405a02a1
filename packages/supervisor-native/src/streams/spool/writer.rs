//! The thread that writes and reads the files of an output, so that a slow disk delays only the clients that need it.

use super::files::Files;
use crate::sys;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Results that have not been taken yet; with more the thread waits. Each holds as much as a read returns.
const MAX_RESULTS: usize = 8;

/// A few calls deep.
const STACK_BYTES: usize = 128 * 1024;

/// The order of reading, stdout and stderr.
pub type AllFiles = [Files; 3];

/// What has come and is to be written before clients hear of it.
#[derive(Default)]
pub struct Round {
    /// Of stdout and stderr: an offset and the bytes from there on.
    pub parts: [Option<(u64, Vec<u8>)>; 2],
    /// The place of the first entry of the order, and the entries.
    pub entries: Option<(u64, Vec<u8>)>,
}

pub enum Job {
    Round(Round),
    Read { ticket: u64, file: usize, from: u64, most: u64 },
    Discard { file: usize, up_to: u64 },
    Sync,
}

/// Where what was written ends, and why not all of it was.
pub type Written = (u64, io::Result<()>);

pub enum Done {
    Round {
        parts: [Option<Written>; 2],
        order: io::Result<()>,
    },
    /// Nothing if what is kept has changed.
    Read {
        ticket: u64,
        found: io::Result<Option<(u64, Vec<u8>)>>,
    },
    Discarded,
    Synced(io::Result<()>),
}

pub struct Writer {
    jobs: Sender<Job>,
    results: Receiver<Done>,
    /// Readable when there is a result.
    bell: PipeReader,
    thread: JoinHandle<()>,
}

impl Writer {
    /// @param directory of the files.
    pub fn start(files: AllFiles, directory: PathBuf) -> io::Result<Self> {
        let (bell, ringer) = io::pipe()?;
        sys::set_nonblocking(bell.as_fd())?;
        let (jobs, wanted) = channel();
        let (done, results) = sync_channel(MAX_RESULTS);
        let work = move || serve(files, &directory, &wanted, &done, ringer);
        let thread = Builder::new().name("spool".to_owned()).stack_size(STACK_BYTES).spawn(work)?;
        Ok(Self { jobs, results, bell, thread })
    }

    pub fn send(&self, job: Job) {
        // It ends only with this.
        let _ = self.jobs.send(job);
    }

    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// What was done since the last time.
    pub fn results(&mut self) -> Vec<Done> {
        let mut rung = [0; 64];
        while self.bell.read(&mut rung).is_ok_and(|count| count == rung.len()) {}
        self.results.try_iter().collect()
    }

    /// Waits for the next result.
    pub fn wait(&mut self) -> Vec<Done> {
        self.results.recv().into_iter().collect()
    }

    /// Waits until all that was sent is done. Returns the results.
    pub fn finish(self) -> Vec<Done> {
        drop(self.jobs);
        let results = self.results.iter().collect();
        let _ = self.thread.join();
        results
    }
}

fn serve(
    mut files: AllFiles,
    directory: &PathBuf,
    jobs: &Receiver<Job>,
    done: &SyncSender<Done>,
    mut bell: PipeWriter,
) {
    let mut is_order_broken = false;
    for job in jobs {
        let result = match job {
            Job::Round(round) => write_round(&mut files, &round, &mut is_order_broken),
            Job::Read { ticket, file, from, most } => {
                let found = files.get(file).map_or(Ok(None), |files| files.read(from, most));
                Done::Read { ticket, found }
            }
            Job::Discard { file, up_to } => {
                files.get_mut(file).into_iter().for_each(|files| files.discard(up_to));
                Done::Discarded
            }
            Job::Sync => Done::Synced(sync(&files, directory)),
        };
        if done.send(result).is_err() {
            return;
        }
        let _ = bell.write(&[0]);
    }
}

/// The bytes first, then the entries that name them.
fn write_round(files: &mut AllFiles, round: &Round, is_order_broken: &mut bool) -> Done {
    let [order, stdout, stderr] = files;
    let [first, second] = &round.parts;
    let write = |files: &mut Files, part: &Option<(u64, Vec<u8>)>| {
        part.as_ref().map(|(from, bytes)| files.append(*from, bytes))
    };
    let parts = [write(stdout, first), write(stderr, second)];
    let order = match &round.entries {
        Some((at, entries)) if !*is_order_broken => order.append(*at, entries).1,
        _ => Ok(()),
    };
    *is_order_broken |= order.is_err();
    Done::Round { parts, order }
}

fn sync(files: &AllFiles, directory: &PathBuf) -> io::Result<()> {
    files.iter().try_for_each(Files::sync)?;
    // The names of the files.
    File::open(directory)?.sync_all()
}
