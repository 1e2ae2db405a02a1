//! Memory that is waited for. Where std gets none it ends the process, which would leave a child without a supervisor and lose its
//! output. A supervisor that waits can go on as soon as there is memory again; until then its child runs, and blocks if it writes.

#![allow(unsafe_code)]

use crate::sys;
use std::alloc::{GlobalAlloc, Layout, System};

/// A larger request fails at once: only what is reserved by calls that can fail (`try_reserve`) is that large, and a spec. The values
/// of one message take less in one piece.
const LARGE_BYTES: usize = 8 * 1024 * 1024;
const RETRY_MS: i32 = 20;

pub struct PatientAllocator;

#[global_allocator]
static ALLOCATOR: PatientAllocator = PatientAllocator;

fn patiently(size: usize, request: impl Fn() -> *mut u8) -> *mut u8 {
    loop {
        let found = request();
        if !found.is_null() || size > LARGE_BYTES {
            return found;
        }
        // Allocates nothing.
        sys::poll(&mut [], RETRY_MS);
    }
}

// SAFETY: all requests go to the system's allocator as they are, and its answers are passed on.
unsafe impl GlobalAlloc for PatientAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same there.
        patiently(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        patiently(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a request that fails leaves what there was in its place.
        patiently(size, || unsafe { System.realloc(place, layout, size) })
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) };
    }
}
