//! The messages of the documents are understood, and those that this supervisor sends are written as they stand there.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bgtask_supervisor::launch::parse_spec::parse_spec;
use bgtask_supervisor::server::params::Call;
use bgtask_supervisor::wire::json::Json;
use bgtask_supervisor::wire::json_parser;
use bgtask_supervisor::wire::limits;
use bgtask_supervisor::wire::meta::merge_patch;
use bgtask_supervisor::wire::msgpack::Msgpack;
use bgtask_supervisor::wire::scanner::Scanner;
use bgtask_supervisor::wire::value::Value;
use bgtask_supervisor::wire::{decode::decode, sink::Sink};

#[test]
fn every_message_of_the_documents_is_one_message_in_whatever_pieces_it_comes() {
    for message in support::messages() {
        for piece in [1, 3, message.len()] {
            let mut scanner = Scanner::new(limits::MESSAGE);
            for end in (piece..message.len()).step_by(piece) {
                assert_eq!(scanner.scan(&message[..end]), Ok(None), "{message:x?}");
            }
            assert_eq!(scanner.scan(&message), Ok(Some(message.len())));
            // What comes behind it is another one's.
            let two = [message.as_slice(), &message].concat();
            assert_eq!(scanner.scan(&two), Ok(Some(message.len())));
        }
    }
}

#[test]
fn every_message_is_written_again_byte_by_byte() {
    for message in support::messages() {
        let value = decode(&message).unwrap();
        let mut again = Msgpack::default();
        value.write(&mut again);
        assert_eq!(decode(&again.bytes).unwrap(), value);
        // The documents were written with maps of 16 bits, and so are longer.
        assert!(again.bytes.len() <= message.len());
    }
}

#[test]
fn every_request_of_the_documents_is_a_call() {
    let mut calls = 0;
    for message in support::messages() {
        let Some(Value::Array(items)) = decode(&message) else { continue };
        let [Value::Int(0), _, Value::Text(method), Value::Array(params)] = items.as_slice() else { continue };
        Call::parse(method, params.clone(), false).unwrap();
        calls += 1;
    }
    assert!(calls >= 14, "{calls} requests in the documents");
}

#[test]
fn the_spec_of_the_documents_is_taken() {
    let spec = parse_spec(&support::spec()).unwrap();
    assert_eq!(spec.exec, ["/bin/sh", "-c", "echo hi"]);
    assert_eq!((spec.umask, spec.access.mode, spec.stop.len()), (0o22, 0o600, 2));
}

#[test]
fn the_record_of_the_documents_is_read_and_written_as_json() {
    let record = json_parser::parse(&support::blocks("json record")[0]).unwrap();
    assert_eq!(record.get("supervisor").and_then(|supervisor| supervisor.get("pid")), Some(&Value::Int(4242)));
    assert_eq!(json_parser::parse(&Json::of(&record)), Some(record));
}

/// As JavaScript's `JSON.stringify` gives them.
#[test]
fn json_is_written_as_javascript_does() {
    for (value, expected) in [
        (Value::Float(0.5), "0.5"),
        (Value::Float(1e21), "1e+21"),
        (Value::Float(1e-7), "1e-7"),
        (Value::Float(1e-6), "0.000001"),
        (Value::Float(1.5e300), "1.5e+300"),
        (Value::number(-0.0), "0"),
        (Value::number(2.0), "2"),
        (Value::Float(123_456.789), "123456.789"),
        (Value::text("a\"\\\u{8}\u{c}\n\r\t\u{1}\u{7f}ü"), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\u{7f}ü\""),
        (Value::Array(vec![Value::Nil, Value::Map(Vec::new()), Value::Bool(true)]), "[null,{},true]"),
    ] {
        assert_eq!(Json::of(&value), expected);
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "nul",
        "\"",
        "\"\n\"",
        "\"\\x\"",
        "[1] 2",
        "'a'",
        "{a:1}",
    ] {
        assert_eq!(json_parser::parse(text), None, "{text:?}");
    }
    assert_eq!(json_parser::parse(&"[".repeat(100_000)), None);
    assert_eq!(json_parser::parse(" \"\\ud83d\\ude00 \\ud83d\" "), Some(Value::text("😀 \u{fffd}")));
}

/// The examples of RFC 7396, appendix A, whose target and result are maps.
#[test]
fn meta_is_merged_as_rfc_7396_says() {
    for (target, patch, expected) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        let map = |text| match json_parser::parse(text) {
            Some(Value::Map(entries)) => entries,
            other => panic!("{other:?}"),
        };
        assert_eq!(Json::of(&Value::Map(merge_patch(&map(target), &map(patch)))), expected);
    }
}

#[test]
fn headers_are_of_the_least_width() {
    let mut packed = Msgpack::default();
    let sink: &mut dyn Sink = &mut packed;
    for value in [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, -1, -32, -33] {
        sink.int(value);
    }
    let expected = "007fcc80ccffcd0100cdffffce00010000ceffffffffd30000000100000000ffe0d3ffffffffffffffdf";
    assert_eq!(packed.bytes, support::hex(expected).unwrap());
}
