#!/bin/sh
# Runs the fuzzer and the messages of the documents with the address sanitizer, which needs a nightly compiler.
#   ./sanitize.sh [seconds for each fuzz test [first seed [name of one test]]]
set -eu

cd "$(dirname "$0")"
if ! cargo +nightly --version > /dev/null 2>&1; then
  echo 'sanitize.sh: left out, there is no nightly compiler' >&2
  exit 0
fi
[ $# -eq 0 ] || export BGTASK_FUZZ_SECONDS="$1"
[ $# -lt 2 ] || export BGTASK_FUZZ_FROM="$2"
# What a process has when it ends is no leak.
export RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/sanitized"
# All at once: each goes on for the same time.
exec cargo +nightly test --offline --locked --target "$(rustc -vV | sed -n 's/^host: //p')" --test fuzz --test golden -- --test-threads=8 ${3:+"$3"}
