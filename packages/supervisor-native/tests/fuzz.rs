//! Whatever bytes come, nothing panics, nothing is accepted that breaks a bound, and pieces make no difference.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bgtask_supervisor::launch::parse_spec::parse_spec;
use bgtask_supervisor::lock::holder::Text;
use bgtask_supervisor::process::stat::Stat;
use bgtask_supervisor::server::params::Call;
use bgtask_supervisor::spawner::{Inbox, Plan};
use bgtask_supervisor::wire::decode::decode;
use bgtask_supervisor::wire::json::Json;
use bgtask_supervisor::wire::limits::{self, Limits};
use bgtask_supervisor::wire::msgpack::Msgpack;
use bgtask_supervisor::wire::scanner::Scanner;
use bgtask_supervisor::wire::value::Value;
use bgtask_supervisor::wire::{json_parser, meta};
use std::time::{Duration, Instant};
use support::Random;

const ROUNDS: u64 = 20_000;

/// Seeds from 0 on, as many as a test run has time for. With `BGTASK_FUZZ_SECONDS` each test goes on for so long, from the
/// seed `BGTASK_FUZZ_FROM` on: another one is another run.
fn seeds() -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let end = number("BGTASK_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let from = number("BGTASK_FUZZ_FROM").unwrap_or(0);
    (from..).take_while(move |seed| end.map_or(*seed < from + ROUNDS, |end| Instant::now() < end))
}

/// Small ones, so that mutations reach them.
const TIGHT: Limits = Limits { bytes: 300, depth: 4, elements: 20 };

#[test]
fn messages() {
    let corpus = support::messages();
    for seed in seeds() {
        let mut random = Random::new(seed);
        let chosen = random.below(corpus.len());
        let bytes = random.mutate(&corpus[chosen], &corpus);
        let limits = if seed % 2 == 0 { TIGHT } else { limits::MESSAGE };
        let whole = Scanner::new(limits).scan(&bytes);
        let mut scanner = Scanner::new(limits);
        let cut = random.below(bytes.len());
        let in_pieces = match scanner.scan(&bytes[..cut]) {
            Ok(None) => scanner.scan(&bytes),
            verdict => verdict,
        };
        assert_eq!(whole, in_pieces, "seed {seed}");
        if let Ok(Some(length)) = whole {
            assert!(length <= bytes.len() && length <= limits.bytes, "seed {seed}");
            check_message(&bytes[..length], seed);
        }
    }
}

fn check_message(message: &[u8], seed: u64) {
    let value = decode(message).unwrap_or_else(|| panic!("seed {seed}: what was scanned cannot be decoded"));
    let mut again = Msgpack::default();
    value.write(&mut again);
    let twice = decode(&again.bytes).unwrap();
    // No number equals NaN.
    assert_eq!(format!("{twice:?}"), format!("{value:?}"), "seed {seed}");
    if let Value::Array(items) = &value
        && let [_, _, Value::Text(method), Value::Array(params)] = items.as_slice()
    {
        let _ = Call::parse(method, params.clone(), false);
    }
    if let Value::Map(entries) = &value {
        let _ = meta::problem(entries);
        let _ = meta::merge_patch(entries, entries);
    }
}

#[test]
fn specs() {
    let corpus = [vec![support::spec()], support::messages()].concat();
    let mut taken = 0;
    for seed in seeds() {
        let mut random = Random::new(seed);
        let bytes = random.mutate(&corpus[0], &corpus);
        if let Ok(spec) = parse_spec(&bytes) {
            taken += 1;
            assert!(!spec.exec[0].is_empty() && spec.cwd.starts_with('/') && (16..=64).contains(&spec.task_id.len()));
        }
    }
    // Else the mutations are too wild to reach what lies behind the first check.
    assert!(taken > 100, "{taken} specs were taken");
}

#[test]
fn lock_files_and_records() {
    let note = r#"{"bgtask":1,"taskId":"00112233445566778899aabbccddeeff","supervisor":{"pid":1,"startTime":2,"bootId":"a","machineId":"b","pidNamespace":"c"},"child":null}   "#;
    let corpus =
        [vec![note.as_bytes().to_vec()], support::blocks("json").into_iter().map(String::into_bytes).collect()]
            .concat();
    for seed in seeds() {
        let mut random = Random::new(seed);
        let chosen = random.below(corpus.len());
        let bytes = random.mutate(&corpus[chosen], &corpus);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Text::parse(&text);
        if let Some(value) = json_parser::parse(&text) {
            // Not the same value, since JSON has no infinite numbers: as in JavaScript, 1e999 is read as one, and written as null.
            let written = Json::of(&value);
            let again = json_parser::parse(&written).unwrap_or_else(|| panic!("seed {seed}: {written} is no JSON"));
            assert_eq!(Json::of(&again), written, "seed {seed}");
        }
    }
}

#[test]
fn lines_of_proc() {
    let corpus = [b"42 (a ) b) S 1 2 3 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 77 1 2".to_vec()];
    for seed in seeds() {
        let _ = Stat::parse(&Random::new(seed).mutate(&corpus[0], &corpus));
    }
}

#[test]
fn frames_of_a_spawner() {
    let words = |words: [u32; 4]| words.into_iter().flat_map(u32::to_le_bytes);
    let plan: Vec<u8> = words([1, 0o22, 2, 1]).chain(*b"/tmp\0node\0-v\0PATH=/bin\0").collect();
    let head = [1_u32, 7, u32::try_from(plan.len()).unwrap()].into_iter().flat_map(u32::to_le_bytes);
    let launch: Vec<u8> = head.chain(plan.iter().copied()).collect();
    let corpus = [[launch.clone(), launch].concat(), plan];
    let (mut frames, mut plans) = (0, 0);
    for seed in seeds() {
        let mut random = Random::new(seed);
        let bytes = random.mutate(&corpus[0], &corpus);
        let cut = random.below(bytes.len());
        let mut received = [Vec::new(), Vec::new()];
        let mut broken = [false, false];
        for (index, pieces) in [vec![&bytes[..]], vec![&bytes[..cut], &bytes[cut..]]].into_iter().enumerate() {
            let mut inbox = Inbox::default();
            broken[index] = pieces.into_iter().any(|piece| {
                let keep = |frame: bgtask_supervisor::spawner::Frame<'_>| {
                    received[index].push((frame.kind, frame.id, frame.payload.to_vec()));
                    Ok(())
                };
                inbox.receive(piece, keep).is_err()
            });
        }
        assert_eq!((&received[0], broken[0]), (&received[1], broken[1]), "seed {seed}");
        frames += received[0].len();
        plans += received[0].iter().filter(|(_, _, payload)| Plan::parse(payload).is_some()).count();
        let _ = Plan::parse(&random.mutate(&corpus[1], &corpus));
    }
    assert!(frames > 1_000 && plans > 100, "{frames} frames, {plans} plans");
}
