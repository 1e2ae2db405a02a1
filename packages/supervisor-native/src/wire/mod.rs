//! Bytes and messages: knows no sockets.

pub mod decode;
pub mod failure;
pub mod fields;
pub mod json;
pub mod json_parser;
pub mod limits;
pub mod meta;
pub mod msgpack;
pub mod scanner;
pub mod sink;
pub mod value;
