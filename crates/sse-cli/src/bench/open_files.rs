//! The limit on open files: each stream is a file of this process.

use serde::Serialize;

/// Files other than streams and publishers: stdio, the runtime, `/proc` of the server.
const RESERVED: u64 = 32;

/// The limit, raised as far as this user may.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct OpenFiles {
    pub(super) limit: u64,
    /// Beside the publishers.
    pub(super) streams_that_fit: u64,
}

/// More streams were requested than fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{streams} streams do not fit: this process may open {limit} files, enough for {fit} streams. Use \
     `--streams {fit}`, or raise the limit: `ulimit -Hn {needed}` as root, `LimitNOFILE={needed}` in a systemd unit, \
     `nofile` in /etc/security/limits.conf"
)]
pub(super) struct TooMany {
    streams: u64,
    limit: u64,
    fit: u64,
    needed: u64,
}

/// Raises the limit, and checks that the streams and publishers fit.
pub(super) fn allow(streams: usize, publishers: usize) -> Result<OpenFiles, TooMany> {
    // A system that cannot tell has no limit.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    check(limit, streams as u64, publishers as u64)
}

fn check(limit: u64, streams: u64, publishers: u64) -> Result<OpenFiles, TooMany> {
    let others = RESERVED + publishers;
    let fit = limit.saturating_sub(others);
    if streams > fit {
        return Err(TooMany { streams, limit, fit, needed: streams + others });
    }
    Ok(OpenFiles { limit, streams_that_fit: fit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_fit() {
        assert_eq!(check(1024, 900, 1).unwrap().streams_that_fit, 991);
        assert_eq!(
            check(1024, 992, 1).unwrap_err(),
            TooMany { streams: 992, limit: 1024, fit: 991, needed: 1025 }
        );
        assert!(check(8, 1, 0).is_err());
    }
}
