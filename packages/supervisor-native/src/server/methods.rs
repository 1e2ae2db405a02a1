//! What the methods do.

use super::connection::Connection;
use super::params::{Call, METHODS};
use super::pending::Wait;
use crate::clock::monotonic_ms;
use crate::facts::{Cause, maybe_write_status, write_survivors};
use crate::info::{SOFTWARE, write_features};
use crate::launch::steps::Step;
use crate::stops::{Outcome, StopResult};
use crate::streams::input::{Input, Written};
use crate::streams::order_log::Chunk;
use crate::supervisor::Supervisor;
use crate::wire::failure::Failure;
use crate::wire::sink::Sink;
use crate::wire::value::{Value, write_map};

/// On a busy machine a child takes that long (ms) to be stopped.
const MAX_PAUSE_MS: u64 = 100;

/// What the answer to a request waits for, and how long (ms) at most.
pub enum Answer {
    /// The result was written.
    Now,
    Later(Wait, Option<u64>),
    /// The connection was made for another task.
    WrongTask(Failure),
}

/// Does what a client asks for and writes the result, which is of one value.
pub fn call(
    call: Call,
    supervisor: &mut Supervisor,
    connection: &mut Connection,
    sink: &mut dyn Sink,
) -> Result<Answer, Failure> {
    match call {
        Call::Hello { task_id } => return hello(task_id.as_deref(), supervisor, sink),
        Call::GetInfo => {
            // The reply must include a change of the child that was just noticed.
            supervisor.reap();
            supervisor.snapshot().write_info(sink, connection.client_count, &supervisor.streams);
        }
        Call::ApplyMeta { patch } => {
            supervisor.apply_meta(&patch)?;
            write_map(&supervisor.facts.meta, sink);
        }
        Call::Kill { signal, tree } => return kill(signal, tree, supervisor, sink),
        Call::Restart => return Ok(Answer::Later(Wait::Call(supervisor.restart()), None)),
        Call::Stop { steps } => {
            let steps = checked_steps(steps, supervisor)?;
            return Ok(Answer::Later(Wait::Call(supervisor.stop(steps, Cause::Stopped)), None));
        }
        Call::Terminate { steps } => {
            let steps = checked_steps(steps, supervisor)?;
            return Ok(Answer::Later(Wait::Call(supervisor.terminate(steps)), None));
        }
        Call::ReadStream { stream, from, most, wait_ms, discard } => {
            let from = from.unwrap_or_else(|| supervisor.streams.output(stream).first_offset());
            if discard {
                supervisor.streams.discard(stream, from);
            }
            // Also if it is answered at once: the bytes are sent from the buffer without a copy.
            return Ok(Answer::Later(Wait::Read { stream, from, most }, Some(wait_ms)));
        }
        Call::DiscardStream { stream, up_to } => {
            supervisor.streams.discard(stream, up_to.unwrap_or(u64::MAX));
            let output = supervisor.streams.output(stream);
            sink.map(2);
            sink.key("firstOffset");
            sink.count(output.first_offset());
            sink.key("endOffset");
            sink.count(output.end_offset());
            sink.end();
        }
        Call::ReadOrder { from, most, wait_ms } => return Ok(Answer::Later(Wait::Order { from, most }, Some(wait_ms))),
        Call::WriteStream { data, wait } => {
            let must_queue = connection.others_wait_to_write && !supervisor.streams.stdin.is_closed();
            if must_queue || supervisor.streams.stdin.is_full() {
                return if wait { wait_to_write(data, supervisor) } else { Err(Input::would_block()) };
            }
            return write(data, supervisor, sink);
        }
        Call::CloseStream { stream, immediate } => {
            match stream {
                0 => supervisor.streams.stdin.close(immediate),
                _ => supervisor.streams.output_mut(stream).stop_keeping(),
            }
            sink.map(0);
            sink.end();
        }
        Call::WaitExit { run, wait_ms } => return Ok(Answer::Later(Wait::Exit { run }, Some(wait_ms))),
        Call::Subscribe => {
            supervisor.reap();
            // What has happened before is not for it.
            if !connection.is_subscribed {
                connection.is_subscribed = true;
                connection.notified = supervisor.events.queue.len();
            }
            supervisor.events.are_heard = true;
            sink.map(2);
            sink.key("state");
            sink.text(supervisor.facts.state.name());
            sink.key("run");
            sink.count(supervisor.facts.run);
            sink.end();
        }
    }
    Ok(Answer::Now)
}

/// Writes what a request gets that has waited long enough, whether what it waited for is there or not. Reads of an output are
/// sent by the connection.
pub fn settle(wait: Wait, supervisor: &mut Supervisor, sink: &mut dyn Sink) -> Result<(), Failure> {
    match wait {
        Wait::Read { .. } | Wait::File { .. } => {}
        Wait::Order { from, most } => {
            let (end_seq, is_over) = (supervisor.streams.order_end(), supervisor.streams.order_eof());
            let order = &mut supervisor.streams.order;
            let from = from.max(order.first_seq());
            let most = most.min(usize::try_from(end_seq.saturating_sub(from)).unwrap_or(usize::MAX));
            let (seq, chunks) = order.read(from, most);
            write_order(seq.min(end_seq), chunks, end_seq, is_over, sink);
        }
        Wait::Exit { run } => write_exit(run, supervisor, sink),
        Wait::Write(waiting) => return write(waiting.take(), supervisor, sink).map(drop),
        Wait::Pause { .. } => write_delivered(true, sink),
        Wait::Call(_) => return Err(Failure::internal("the call has no outcome")),
    }
    Ok(())
}

/// Writes what came of a call that took time.
pub fn write_outcome(outcome: &Outcome, supervisor: &Supervisor, sink: &mut dyn Sink) -> Result<(), Failure> {
    match outcome {
        Outcome::Stopped(Ok(result)) | Outcome::Terminated(Ok(result)) => write_stopped(result, sink),
        Outcome::Stopped(Err(failure)) | Outcome::Terminated(Err(failure)) => return Err(failure.clone()),
        Outcome::Started(Err(failure)) => return Err(failure.clone()),
        Outcome::Started(Ok(is_started)) => {
            sink.map(2);
            sink.key("restarted");
            sink.bool(*is_started);
            sink.key("run");
            sink.count(supervisor.facts.run);
            sink.end();
        }
    }
    Ok(())
}

fn hello(task_id: Option<&str>, supervisor: &Supervisor, sink: &mut dyn Sink) -> Result<Answer, Failure> {
    if let Some(other) = task_id.filter(|id| *id != supervisor.spec.task_id) {
        let message = format!("task {other} is gone: its pid is another task's now");
        let failure = Failure::new("ERR_BGTASK_TASK_GONE", message).with("taskId", Value::text(other));
        return Ok(Answer::WrongTask(failure));
    }
    sink.map(5);
    sink.key("protocol");
    sink.int(1);
    sink.key("software");
    sink.text(SOFTWARE);
    sink.key("taskId");
    sink.text(&supervisor.spec.task_id);
    sink.key("features");
    write_features(sink);
    sink.key("methods");
    sink.array(METHODS.len());
    for method in METHODS {
        sink.text(method);
    }
    sink.end();
    sink.end();
    Ok(Answer::Now)
}

fn kill(signal: i32, tree: bool, supervisor: &mut Supervisor, sink: &mut dyn Sink) -> Result<Answer, Failure> {
    let stopper = &mut supervisor.stopper;
    let is_delivered = if tree { stopper.signal_tree(signal) } else { Ok(stopper.signal_child(signal)) };
    let is_delivered = is_delivered.map_err(|error| Failure::system("cannot find the tree", &error))?;
    if is_delivered && crate::signals::is_pausing(signal) {
        let is_stopped = signal != crate::signals::SIGCONT;
        return Ok(Answer::Later(Wait::Pause { is_stopped }, Some(MAX_PAUSE_MS)));
    }
    write_delivered(is_delivered, sink);
    Ok(Answer::Now)
}

fn checked_steps(steps: Option<Vec<Step>>, supervisor: &Supervisor) -> Result<Vec<Step>, Failure> {
    if supervisor.has_many_stops() {
        return Err(Failure::internal("too many stops are under way"));
    }
    Ok(steps.unwrap_or_else(|| supervisor.spec.stop.clone()))
}

fn write(data: Vec<u8>, supervisor: &mut Supervisor, sink: &mut dyn Sink) -> Result<Answer, Failure> {
    let mut error = None;
    let written = supervisor.streams.stdin.write(data, &mut error);
    if let Some(message) = error {
        supervisor.input_failed(message);
    }
    match written {
        Written::Accepted(offset) => {
            sink.map(1);
            sink.key("acceptedOffset");
            sink.count(offset);
            sink.end();
            Ok(Answer::Now)
        }
        Written::Full(data) => wait_to_write(data, supervisor),
        Written::Closed(failure) => Err(failure),
    }
}

fn wait_to_write(data: Vec<u8>, supervisor: &Supervisor) -> Result<Answer, Failure> {
    Ok(Answer::Later(Wait::Write(supervisor.streams.stdin.wait(data)?), None))
}

fn write_delivered(is_delivered: bool, sink: &mut dyn Sink) {
    sink.map(1);
    sink.key("delivered");
    sink.bool(is_delivered);
    sink.end();
}

fn write_stopped(result: &StopResult, sink: &mut dyn Sink) {
    let more = result.survivors.unnamed;
    sink.map(if more == 0 { 2 } else { 3 });
    sink.key("exitStatus");
    maybe_write_status(result.exit_status.as_ref(), sink);
    sink.key("survivors");
    write_survivors(&result.survivors, sink);
    if more > 0 {
        sink.key("moreSurvivors");
        sink.count(more);
    }
    sink.end();
}

fn write_exit(run: Option<u64>, supervisor: &Supervisor, sink: &mut dyn Sink) {
    let (is_done, run, status) = supervisor.look_at_exit(run);
    sink.map(4);
    sink.key("done");
    sink.bool(is_done);
    sink.key("run");
    sink.count(run);
    sink.key("state");
    sink.text(supervisor.facts.state.name());
    sink.key("exitStatus");
    maybe_write_status(status, sink);
    sink.end();
}

/// The result of `readOrder`.
pub fn write_order<'a>(
    seq: u64,
    chunks: impl ExactSizeIterator<Item = &'a Chunk>,
    end_seq: u64,
    is_over: bool,
    sink: &mut dyn Sink,
) {
    sink.map(4);
    sink.key("seq");
    sink.count(seq);
    sink.key("eof");
    sink.bool(is_over && seq + chunks.len() as u64 == end_seq);
    sink.key("endSeq");
    sink.count(end_seq);
    sink.key("chunks");
    write_chunks(chunks, sink);
    sink.end();
}

fn write_chunks<'a>(chunks: impl ExactSizeIterator<Item = &'a Chunk>, sink: &mut dyn Sink) {
    sink.array(chunks.len());
    for chunk in chunks {
        sink.array(4);
        sink.int(i64::from(chunk.stream));
        sink.count(chunk.offset);
        sink.count(chunk.length);
        sink.int(chunk.at);
        sink.end();
    }
    sink.end();
}

/// When a wait of so many ms is over.
pub fn deadline(wait_ms: Option<u64>) -> Option<u64> {
    wait_ms.map(|ms| monotonic_ms() + ms)
}
