//! The task's socket and its clients.

pub mod connection;
mod files;
pub mod listener;
pub mod message;
pub mod methods;
pub mod outbox;
pub mod params;
pub mod pending;
pub mod requests;
pub mod serve;
