//! What a `LAUNCH` asks for.

use super::frames::word;
use crate::child::start::program_paths;
use std::ffi::{CStr, CString};

/// Everything about a process before it is made.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub in_new_session: bool,
    pub umask: u32,
    pub cwd: CString,
    pub argv: Vec<CString>,
    pub env: Vec<CString>,
    /// Where the program may be, in this order.
    pub paths: Vec<CString>,
}

impl Plan {
    /// None for what is no plan.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [session, umask, argc, envc] = [word(bytes, 0)?, word(bytes, 4)?, word(bytes, 8)?, word(bytes, 12)?];
        let mut strings = Strings(bytes.get(16..)?);
        let cwd = strings.next()?;
        let argv = strings.take(argc)?;
        let env = strings.take(envc)?;
        if !strings.0.is_empty() || session > 1 || umask > 0o777 {
            return None;
        }
        let paths = paths(argv.first()?, &env)?;
        let cwd = if cwd.is_empty() { c"/".to_owned() } else { cwd };
        Some(Self { in_new_session: session == 1, umask, cwd, argv, env, paths })
    }
}

/// Like a shell, it searches the PATH of the environment that the program gets.
fn paths(program: &CStr, env: &[CString]) -> Option<Vec<CString>> {
    let program = program.to_str().ok().filter(|program| !program.is_empty())?;
    let path = env.iter().find_map(|variable| variable.to_str().ok()?.strip_prefix("PATH="));
    program_paths(program, path).into_iter().map(|path| CString::new(path).ok()).collect()
}

/// Strings that each end with a NUL byte.
struct Strings<'a>(&'a [u8]);

impl Strings<'_> {
    fn next(&mut self) -> Option<CString> {
        let string = CStr::from_bytes_until_nul(self.0).ok()?;
        self.0 = self.0.get(string.count_bytes() + 1..)?;
        Some(string.to_owned())
    }

    /// Not allocated by what the caller says, but as they come.
    fn take(&mut self, count: u32) -> Option<Vec<CString>> {
        (0..count).map(|_| self.next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(head: [u32; 4], strings: &[&str]) -> Vec<u8> {
        let words = head.into_iter().flat_map(u32::to_le_bytes);
        words.chain(strings.iter().flat_map(|text| text.bytes().chain([0]))).collect()
    }

    #[test]
    fn a_program_is_searched_in_its_own_path() {
        let plan = Plan::parse(&bytes([1, 0o22, 2, 2], &["/tmp", "node", "-v", "A=1", "PATH=/x::/y"])).unwrap();
        assert_eq!((plan.in_new_session, plan.umask, plan.cwd.as_c_str()), (true, 0o22, c"/tmp"));
        assert_eq!(plan.argv, [c"node".to_owned(), c"-v".to_owned()]);
        assert_eq!(plan.paths, [c"/x/node".to_owned(), c"./node".to_owned(), c"/y/node".to_owned()]);
        let absolute = Plan::parse(&bytes([0, 0, 1, 0], &["", "/bin/true"])).unwrap();
        assert_eq!((absolute.cwd.as_c_str(), absolute.paths), (c"/", vec![c"/bin/true".to_owned()]));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for (head, strings) in [
            ([1, 0, 0, 0], vec!["/"]),
            ([1, 0, 1, 0], vec!["/", ""]),
            ([1, 0, 2, 0], vec!["/", "a"]),
            ([1, 0, 1, 0], vec!["/", "a", "b"]),
            ([1, 0, u32::MAX, u32::MAX], vec!["/", "a"]),
            ([2, 0, 1, 0], vec!["/", "a"]),
            ([1, 0o1000, 1, 0], vec!["/", "a"]),
        ] {
            assert_eq!(Plan::parse(&bytes(head, &strings)), None, "{head:?} {strings:?}");
        }
        assert_eq!(Plan::parse(b"short"), None);
        let mut unended = bytes([1, 0, 1, 0], &["/", "a"]);
        unended.pop();
        assert_eq!(Plan::parse(&unended), None);
    }
}
