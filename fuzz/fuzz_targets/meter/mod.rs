//! Counts what the program allocates while a function runs. Not for several threads: a fuzz target has one.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static METER: Meter = Meter;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

struct Meter;

/// Bytes allocated by one function.
#[derive(Debug)]
pub(crate) struct Used {
    /// The most that was held at any time.
    pub(crate) peak: usize,
    /// All allocations together, freed or not.
    pub(crate) total: usize,
}

pub(crate) fn measure(run: impl FnOnce()) -> Used {
    let (held, total) = (HELD.load(Relaxed), TOTAL.load(Relaxed));
    PEAK.store(held, Relaxed);
    run();
    Used { peak: PEAK.load(Relaxed) - held, total: TOTAL.load(Relaxed) - total }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        TOTAL.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and `alloc` gave out the system's memory.
        unsafe { System.dealloc(pointer, layout) }
    }
}
