//! The messages of MessagePack-RPC.

use crate::wire::decode::decode;
use crate::wire::msgpack::Msgpack;
use crate::wire::sink::Sink;
use crate::wire::value::Value;

/// A whole notification.
pub fn notification(name: &str, write: impl FnOnce(&mut dyn Sink)) -> Vec<u8> {
    let mut message = Msgpack::default();
    message.array(3);
    message.int(2);
    message.text(name);
    message.array(1);
    write(&mut message);
    message.bytes
}

/// A response up to its result.
pub(super) fn response_head(id: u32) -> Msgpack {
    let mut head = Msgpack::default();
    write_head(&mut head, id);
    head.nil();
    head
}

pub(super) fn write_head(head: &mut Msgpack, id: u32) {
    head.array(4);
    head.int(1);
    head.int(i64::from(id));
}

pub(super) enum Message {
    Request { id: u32, method: String, params: Vec<Value> },
    Other,
}

impl Message {
    /// None for what is no message.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let Value::Array(items) = decode(bytes)? else { return None };
        let is_id = |value: &Value| value.as_int().and_then(|id| u32::try_from(id).ok());
        let mut items = items.into_iter();
        let next = (items.next(), items.next(), items.next(), items.next(), items.next());
        match next {
            (Some(Value::Int(0)), Some(id), Some(Value::Text(method)), Some(Value::Array(params)), None) => {
                Some(Self::Request { id: is_id(&id)?, method, params })
            }
            (Some(Value::Int(1)), Some(id), Some(_), Some(_), None) => is_id(&id).map(|_| Self::Other),
            (Some(Value::Int(2)), Some(Value::Text(_)), Some(Value::Array(_)), None, None) => Some(Self::Other),
            _ => None,
        }
    }
}
