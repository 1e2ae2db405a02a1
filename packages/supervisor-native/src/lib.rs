//! The native supervisor of bgtask: one task, its output, its socket. It is written from `docs/launch.md`, `docs/wire.md` and
//! `docs/pool-directory.md`, with the folders and names of the supervisor in TypeScript.

pub mod child;
pub mod clock;
pub mod daemon;
pub mod directory;
pub mod errors;
pub mod events;
pub mod facts;
pub mod info;
pub mod launch;
pub mod leader;
pub mod lifecycle;
pub mod lock;
pub mod log;
pub mod memory;
pub mod process;
pub mod recording;
pub mod retirement;
pub mod run;
pub mod runs;
pub mod server;
pub mod signals;
pub mod spawner;
pub mod stops;
pub mod streams;
pub mod supervisor;
pub mod sys;
pub mod wire;
