//! The innermost cause of an error.

use std::error::Error;

/// The innermost cause, which usually says most: the outer ones of an HTTP error only repeat the URL and the layer.
pub fn root_cause<'a>(error: &'a (dyn Error + 'a)) -> &'a (dyn Error + 'a) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}
