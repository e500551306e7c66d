//! The hash by which tokens and keys are known here.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

/// Of a token, in lower-case hexadecimal digits.
pub(super) fn sha256(token: &str) -> String {
    hexadecimal(digest(&SHA256, token.as_bytes()).as_ref())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
