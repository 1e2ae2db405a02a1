//! Hands what was read to the writer, round by round, and says what of it clients may hear of.

use super::files::{Bounds, Files, Known};
use super::output_spool::OutputSpool;
use super::writer::{AllFiles, Done, Job, Round, Writer, Written};
use crate::directory::task_directory::TaskDirectory;
use crate::launch::spec::{Overflow, Spec, SpoolSpec};
use crate::log::Log;
use crate::streams::order_log::{Chunk, OrderLog};
use crate::streams::output::Output;
use crate::sys::PollFd;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::rc::Rc;

/// The order takes so much of what an output may take, and this much at least (bytes).
const ORDER_SHARE: u64 = 16;
const MIN_ORDER_BYTES: u64 = 64 * 1024;

pub const ENTRY_BYTES: u64 = 32;

/// Chunks that may wait for the disk: half of what the order in memory holds.
const MAX_WAITING_CHUNKS: u64 = 4_096;

/// Bytes from a file, with their offset; none if what is kept has changed.
pub type Found = std::io::Result<Option<(u64, Vec<u8>)>>;

pub struct Spooler {
    log: Rc<Log>,
    base: PathBuf,
    syncs: bool,
    order: Known,
    /// Before the first byte, which starts the writer.
    files: Option<Box<AllFiles>>,
    writer: Option<Writer>,
    /// The round that is being written: chunks before this number, and where the outputs end.
    round: Option<(u64, [u64; 2])>,
    /// Chunks below this number are published.
    published_seq: u64,
    is_syncing: bool,
    /// What was published when the last sync began, and when the last that ended did.
    sync_seq: u64,
    synced_seq: Option<u64>,
    last_ticket: u64,
    found: Vec<(u64, Found)>,
}

impl Spooler {
    /// Returns what the outputs have to know as well.
    pub fn new(
        spec: &Spec,
        spool: &SpoolSpec,
        directory: &TaskDirectory,
        log: Rc<Log>,
    ) -> io::Result<(Self, [OutputSpool; 2])> {
        let order_bytes = (spool.max_bytes / ORDER_SHARE).max(MIN_ORDER_BYTES);
        let base = directory.at("");
        let blocks = spec.overflow == Overflow::Block;
        let files = |stream, unit, max_bytes, segment_bytes, drops_oldest| {
            let bounds = Bounds { max_bytes, segment_bytes, drops_oldest, syncs: spool.syncs };
            Files::new(base.clone(), stream, unit, bounds, spec.access.clone())
        };
        let order_segment = order_bytes / 4 / ENTRY_BYTES * ENTRY_BYTES;
        let all = [
            files(0, ENTRY_BYTES, order_bytes, order_segment, true),
            files(1, 1, spool.max_bytes, spool.segment_bytes, !blocks),
            files(2, 1, spool.max_bytes, spool.segment_bytes, !blocks),
        ];
        if spec.resume.is_some() {
            all.iter().try_for_each(Files::take_over)?;
        }
        let [order, stdout, stderr] = &all;
        let resumed = |id| spec.resume.as_ref().map_or(0, |resume| resume.end_offset(id));
        let output = |id, files: &Files| {
            let start = files.end_offset().max(resumed(id));
            OutputSpool::new(files.known(), spool.max_bytes, spec.max_read_buf_size, blocks, start)
        };
        let outputs = [output(1, stdout), output(2, stderr)];
        let (known, published_seq) = (order.known(), order.end_offset() / ENTRY_BYTES);
        let spooler = Self {
            log,
            base: directory.at("."),
            syncs: spool.syncs,
            order: known,
            files: Some(Box::new(all)),
            writer: None,
            round: None,
            published_seq,
            is_syncing: false,
            sync_seq: 0,
            synced_seq: None,
            last_ticket: 0,
            found: Vec::new(),
        };
        Ok((spooler, outputs))
    }

    pub fn published_seq(&self) -> u64 {
        self.published_seq
    }

    pub fn poll_fd(&self) -> Option<PollFd> {
        self.writer.as_ref().map(|writer| PollFd::new(writer.bell().as_raw_fd(), true, false))
    }

    /// Takes what was done, and begins the next round if something has come. Returns the errors of outputs.
    pub fn advance(&mut self, outputs: [&mut Output; 2], order: &mut OrderLog) -> Vec<(u8, String)> {
        let [stdout, stderr] = outputs;
        let results = self.writer.as_mut().map(Writer::results).unwrap_or_default();
        let mut errors = self.take(results, [stdout, stderr]);
        if self.round.is_none() && self.published_seq < order.end_seq() {
            errors.extend(self.begin_round([stdout, stderr], order));
        }
        let is_behind = order.end_seq() - self.published_seq >= MAX_WAITING_CHUNKS;
        for output in [stdout, stderr] {
            output.set_order_behind(is_behind);
        }
        errors
    }

    /// All chunks below that number are published, and on the disk if that was asked for. Has it done if not.
    pub fn is_flushed(&mut self, seq: u64) -> bool {
        if self.published_seq < seq {
            return false;
        }
        let Some(writer) = self.writer.as_ref().filter(|_| self.syncs) else { return true };
        if self.synced_seq.is_some_and(|synced| synced >= seq) {
            return true;
        }
        if !self.is_syncing {
            (self.is_syncing, self.sync_seq) = (true, self.published_seq);
            writer.send(Job::Sync);
        }
        false
    }

    /// Reads from files. The result is found under the ticket that is returned.
    pub fn read(&mut self, file: usize, from: u64, most: u64) -> Option<u64> {
        let writer = self.writer.as_ref()?;
        self.last_ticket += 1;
        writer.send(Job::Read { ticket: self.last_ticket, file, from, most });
        Some(self.last_ticket)
    }

    /// The number of the first chunk from that one on, if only files know it.
    pub fn place_of_chunk(&self, from: u64, order: &OrderLog) -> Option<u64> {
        let place = self.order.find(from * ENTRY_BYTES)? / ENTRY_BYTES;
        (place < order.first_seq()).then_some(place)
    }

    pub fn read_order(&mut self, from: u64, most: usize) -> Option<u64> {
        self.read(0, from * ENTRY_BYTES, most as u64 * ENTRY_BYTES)
    }

    pub fn has_found(&self, ticket: u64) -> bool {
        self.found.iter().any(|(found, _)| *found == ticket)
    }

    pub fn take_found(&mut self, ticket: u64) -> Option<Found> {
        let place = self.found.iter().position(|(found, _)| *found == ticket)?;
        Some(self.found.swap_remove(place).1)
    }

    /// Nobody waits for the rest any more.
    pub fn forget_found(&mut self) {
        self.found.clear();
    }

    pub fn discard(&mut self, file: usize, up_to: u64) {
        if let Some(writer) = &self.writer {
            writer.send(Job::Discard { file, up_to });
        }
    }

    /// The end: writes what has come, unless all is removed anyway. It waits for the disk.
    pub fn end(&mut self, is_kept: bool, outputs: [&mut Output; 2], order: &mut OrderLog) {
        let [stdout, stderr] = outputs;
        if is_kept {
            self.write_rest([stdout, stderr], order);
        }
        if let Some(writer) = self.writer.take() {
            let results = writer.finish();
            drop(self.take(results, [stdout, stderr]));
        }
        let ends = [stdout.read_offset(), stderr.read_offset()];
        self.publish(order.end_seq(), ends, [stdout, stderr]);
        for output in [stdout, stderr] {
            output.spool_mut().into_iter().for_each(OutputSpool::close);
        }
    }

    fn write_rest(&mut self, [stdout, stderr]: [&mut Output; 2], order: &mut OrderLog) {
        while self.round.is_some() || self.published_seq < order.end_seq() {
            if self.round.is_none() {
                drop(self.begin_round([stdout, stderr], order));
            }
            let results = self.writer.as_mut().map(Writer::wait).unwrap_or_default();
            drop(self.take(results, [stdout, stderr]));
        }
    }

    fn take(&mut self, results: Vec<Done>, [stdout, stderr]: [&mut Output; 2]) -> Vec<(u8, String)> {
        let mut errors = Vec::new();
        for result in results {
            match result {
                Done::Round { parts, order } => {
                    let [first, second] = parts;
                    errors.extend(note(stdout, first));
                    errors.extend(note(stderr, second));
                    if let Err(error) = order {
                        self.log.write(format_args!("cannot write the order of the output: {error}"));
                    }
                    if let Some((seq, ends)) = self.round.take() {
                        self.publish(seq, ends, [stdout, stderr]);
                    }
                }
                Done::Read { ticket, found } => self.found.push((ticket, found)),
                Done::Discarded => {}
                Done::Synced(result) => {
                    if let Err(error) = result {
                        self.log.write(format_args!("cannot sync the output: {error}"));
                    }
                    (self.is_syncing, self.synced_seq) = (false, Some(self.sync_seq));
                }
            }
        }
        errors
    }

    fn begin_round(&mut self, [stdout, stderr]: [&mut Output; 2], order: &mut OrderLog) -> Vec<(u8, String)> {
        if let Err(error) = self.start_writer() {
            let outputs = [&mut *stdout, &mut *stderr];
            let errors = outputs
                .into_iter()
                .filter_map(|output| note(output, Some((output.read_offset(), Err(copy_of(&error))))));
            let errors = errors.collect();
            self.publish(order.end_seq(), [stdout.read_offset(), stderr.read_offset()], [stdout, stderr]);
            return errors;
        }
        let ((first, is_first_whole), (second, is_second_whole)) = (stdout.next_part(), stderr.next_part());
        let mut round = Round { parts: [first, second], entries: None };
        let mut seq = self.published_seq;
        let mut ends = [stdout.end_offset(), stderr.end_offset()];
        if is_first_whole && is_second_whole {
            // Reading the entries seals them: what comes from now on makes new ones.
            let (from, chunks) = order.read(seq, usize::MAX);
            let mut entries = Vec::with_capacity(chunks.len() * ENTRY_BYTES as usize);
            chunks.for_each(|chunk| encode(*chunk, &mut entries));
            round.entries = Some((from * ENTRY_BYTES, entries));
            seq = order.end_seq();
            ends = [stdout.read_offset(), stderr.read_offset()];
        }
        if let Some(writer) = &self.writer {
            self.round = Some((seq, ends));
            writer.send(Job::Round(round));
        }
        Vec::new()
    }

    fn start_writer(&mut self) -> std::io::Result<()> {
        if self.writer.is_some() {
            return Ok(());
        }
        let Some(files) = self.files.take() else { return Err(std::io::Error::other("the writer has ended")) };
        self.writer = Some(Writer::start(*files, self.base.clone())?);
        Ok(())
    }

    fn publish(&mut self, seq: u64, [first, second]: [u64; 2], [stdout, stderr]: [&mut Output; 2]) {
        self.published_seq = seq;
        stdout.publish(first);
        stderr.publish(second);
    }
}

/// Notes what of an output was written. Returns the error after which nothing more is.
fn note(output: &mut Output, written: Option<Written>) -> Option<(u8, String)> {
    let (end, result) = written?;
    let id = output.id();
    let spool = output.spool_mut()?;
    spool.written(end);
    result.err().map(|error| (id, spool.failed(&error)))
}

fn copy_of(error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), error.to_string())
}

fn encode(chunk: Chunk, bytes: &mut Vec<u8>) {
    let fields = [u64::from(chunk.stream), chunk.offset, chunk.length, chunk.at.unsigned_abs()];
    fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_le_bytes()));
}

/// Chunks from the bytes of a file.
pub fn decode(bytes: &[u8]) -> Vec<Chunk> {
    let (entries, _) = bytes.as_chunks::<8>();
    let fields = entries.iter().map(|field| u64::from_le_bytes(*field)).collect::<Vec<u64>>();
    let (chunks, _) = fields.as_chunks::<4>();
    let chunk = |[stream, offset, length, at]: &[u64; 4]| Chunk {
        stream: u8::try_from(*stream).unwrap_or(0),
        offset: *offset,
        length: *length,
        at: i64::try_from(*at).unwrap_or(0),
    };
    chunks.iter().map(chunk).collect()
}
