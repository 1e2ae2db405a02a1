//! The whole lifecycle in one table.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Starting,
    Running,
    Paused,
    Backoff,
    Exited,
    Failed,
    Terminating,
}

/// What can happen to a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A start was asked for, or is due.
    Starting,
    /// The child's exec succeeded.
    Started,
    /// The child was stopped by a signal.
    Paused,
    Resumed,
    /// The child ended and stays so.
    Ended,
    /// The child ended, or could not be started, and a restart is pending.
    Retrying,
    /// No more restarts.
    GaveUp,
    /// The pending restart was called off.
    Cancelled,
    /// The supervisor is to go.
    Terminating,
}

/// The state after an event; None if the event cannot happen in that state.
pub fn next_state(state: State, event: Event) -> Option<State> {
    use Event as E;
    use State::{Backoff, Exited, Failed, Paused, Running, Starting, Terminating};
    match (state, event) {
        (Starting, E::Started) | (Paused, E::Resumed) => Some(Running),
        (Running, E::Paused) => Some(Paused),
        (Starting | Running | Paused, E::Ended) | (Backoff, E::Cancelled) => Some(Exited),
        (Starting | Running | Paused, E::Retrying) => Some(Backoff),
        (Starting | Running | Paused, E::GaveUp) => Some(Failed),
        (Backoff | Exited | Failed, E::Starting) => Some(Starting),
        (Starting | Running | Paused | Backoff | Exited | Failed, E::Terminating) => Some(Terminating),
        (Terminating, E::Started | E::Ended) => Some(Terminating),
        _ => None,
    }
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Backoff => "backoff",
            Self::Exited => "exited",
            Self::Failed => "failed",
            Self::Terminating => "terminating",
        }
    }
}
