//! The steps of a stop, in the spec and in calls.

use crate::signals;
use crate::wire::failure::Failure;
use crate::wire::fields::{DURATION_MS, Fields};

const MAX_STEPS: usize = 32;

/// Send the signal, then wait so long for everything to end.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub signal: i32,
    pub wait_ms: u64,
}

/// Takes the value of a key that is a list of steps.
pub fn take(fields: &Fields<'_>, key: &str) -> Result<Vec<Step>, Failure> {
    let items = fields.array(key)?;
    if items.is_empty() || items.len() > MAX_STEPS {
        return fields.refuse(key, &format!("must have 1 to {MAX_STEPS} steps"));
    }
    let steps = items.iter().enumerate().map(|(index, item)| {
        let path = fields.path_of(&format!("{key}.{index}"));
        let step = Fields::new(item, &path)?;
        let wait_ms = step.int("waitMs", DURATION_MS)?.unsigned_abs();
        Ok(Step { signal: signals::take(&step, "killSignal")?, wait_ms })
    });
    steps.collect()
}
