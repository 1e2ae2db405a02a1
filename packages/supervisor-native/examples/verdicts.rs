//! Says of each line, bytes in hex, what the scanner makes of them and whether they are a spec: for the test that compares both
//! supervisors.

use bgtask_supervisor::launch::parse_spec::parse_spec;
use bgtask_supervisor::wire::limits;
use bgtask_supervisor::wire::scanner::Scanner;
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let pairs = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("??"));
        let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        let verdict = match Scanner::new(limits::MESSAGE).scan(&bytes) {
            Ok(Some(length)) => format!("a message of {length} bytes"),
            Ok(None) => "no whole message yet".to_owned(),
            Err(broken) => broken.to_string(),
        };
        let spec = if parse_spec(&bytes).is_ok() { "a spec" } else { "no spec" };
        writeln!(out, "{verdict}; {spec}")?;
    }
    Ok(())
}
