//! Why a log could not be opened.

/// The text says what to do, as far as that is known.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can be tried again: that one may be about to end.
    #[error("another process is using it; stop that one, or use another folder")]
    InUse,
    /// Nothing will change by itself.
    #[error("{0}")]
    Unusable(String),
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}
