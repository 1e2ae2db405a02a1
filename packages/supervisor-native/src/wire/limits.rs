//! What one message may hold. It bounds what a hostile peer can make us allocate.

#[derive(Clone, Copy)]
pub struct Limits {
    /// Bytes of a whole message, headers included.
    pub bytes: usize,
    /// Arrays and maps inside each other, the message's own array included.
    pub depth: usize,
    /// Array items and map entries, summed over a message.
    pub elements: usize,
}

/// Of a message on a task's socket.
pub const MESSAGE: Limits = Limits { bytes: 1024 * 1024, depth: 32, elements: 65_536 };

/// Of the launch spec, which carries argv and environment; the kernel bounds these to a few MiB.
pub const SPEC: Limits = Limits { bytes: 8 * 1024 * 1024, depth: 32, elements: 1024 * 1024 };

/// Integers that a double holds exactly, up to this one either way.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;
