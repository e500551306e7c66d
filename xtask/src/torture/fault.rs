//! What a server did that it must not do.

use std::fmt;

/// A class of faults, and this one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) class: &'static str,
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(class: &'static str, detail: String) -> Self {
        Self { class, detail }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.detail)
    }
}

impl std::error::Error for Fault {}
