//! Whether a child that ended is started again, by policy alone.

use crate::facts::{Cause, ExitStatus};
use crate::launch::spec::{RestartOn, RestartPolicy};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Decision {
    Restart { delay_ms: u64, in_a_row: u64 },
    Done,
    GiveUp,
}

/// `in_a_row` counts restarts since the last run that lasted `resetAfterMs`; `ran_ms` is how long the run lasted that ended.
pub fn decide(policy: &RestartPolicy, status: &ExitStatus, in_a_row: u64, ran_ms: u64) -> Decision {
    let is_wanted = match policy.on {
        RestartOn::Never => false,
        RestartOn::Failure => is_failure(status),
        RestartOn::Always => true,
    };
    if !is_wanted {
        return Decision::Done;
    }
    let before = if ran_ms >= policy.reset_after_ms { 0 } else { in_a_row };
    if policy.max_restarts.is_some_and(|most| before >= most) {
        return Decision::GiveUp;
    }
    Decision::Restart { delay_ms: delay_ms(policy, before), in_a_row: before.saturating_add(1) }
}

/// Grows by `factor` with every restart in a row, up to `maxDelayMs`.
fn delay_ms(policy: &RestartPolicy, before: u64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "durations are below 2^31")]
    let (first, most) = (policy.delay_ms as f64, policy.max_delay_ms as f64);
    let grown = first * policy.factor.powi(i32::try_from(before).unwrap_or(i32::MAX));
    // 0 times infinity is no number; then the first delay was none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and maxDelayMs")]
    if grown.is_nan() { 0 } else { grown.min(most).round() as u64 }
}

fn is_failure(status: &ExitStatus) -> bool {
    status.cause == Cause::Timeout || status.exit_code != Some(0)
}
