//! Whether the log can be written: what the writing thread looks at, and what it makes of a write that failed.

use super::store::CommitError;
use super::writer::Writer;
use crate::log::append::AppendError;

impl Writer {
    pub(super) fn check_writable(&mut self, needs_disk: bool) -> Result<(), AppendError> {
        match self.failed() {
            Some(why) => Err(AppendError::Unavailable(why)),
            None if !needs_disk => Ok(()),
            None if self.shared.state().is_full || !self.bind() => Err(AppendError::Full),
            None => self.files.check().map_err(AppendError::Unavailable),
        }
    }

    pub(super) fn look_at_space(&mut self) {
        let (is_full, missing) = (self.free_space.is_low(), self.files.check().err());
        let mut state = self.shared.state();
        (state.is_full, state.missing) = (is_full, missing);
    }

    /// Why the file cannot be trusted to take more, once a write has failed in such a way.
    pub(super) fn failed(&self) -> Option<String> {
        self.shared.state().failed.clone()
    }

    /// What a failed commit means to a publisher, and to this thread.
    pub(super) fn failure(&mut self, error: CommitError) -> AppendError {
        match error {
            CommitError::Full => AppendError::Full,
            CommitError::Refused(error) => AppendError::Unavailable(error.to_string()),
            CommitError::Unknown(error) => {
                // After a failed fsync the system may have dropped what it could not write, and would call
                // the next one good.
                let why = format!("a write failed ({error}); restart the server");
                tracing::error!(%why, "no more events are taken");
                self.shared.state().failed = Some(why);
                AppendError::Unknown(error.to_string())
            }
        }
    }

    pub(super) fn tell_recovered(&mut self) {
        if self.refused > 0 {
            tracing::info!(batches = self.refused, "events are stored again, these were refused meanwhile");
            self.refused = 0;
        }
    }
}
