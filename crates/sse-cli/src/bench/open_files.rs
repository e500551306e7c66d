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

/// Raises the limit, and checks that the streams and publishers fit.
pub(super) fn allow(streams: usize, publishers: usize) -> anyhow::Result<OpenFiles> {
    // A system that cannot tell has no limit.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    check(limit, streams as u64, publishers as u64)
}

fn check(limit: u64, streams: u64, publishers: u64) -> anyhow::Result<OpenFiles> {
    let others = RESERVED + publishers;
    let fit = limit.saturating_sub(others);
    let needed = streams + others;
    anyhow::ensure!(
        streams <= fit,
        "{streams} streams do not fit: this process may open {limit} files, enough for {fit} streams. Use \
         `--streams {fit}`, or raise the limit: `ulimit -Hn {needed}` as root, `LimitNOFILE={needed}` in a systemd \
         unit, `nofile` in /etc/security/limits.conf"
    );
    Ok(OpenFiles { limit, streams_that_fit: fit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_many_fit() {
        assert_eq!(check(1024, 900, 1).unwrap().streams_that_fit, 991);
        let refused = check(1024, 992, 1).unwrap_err().to_string();
        assert!(
            refused.starts_with("992 streams do not fit: this process may open 1024 files, enough for 991")
        );
        assert!(refused.contains("`--streams 991`") && refused.contains("`ulimit -Hn 1025`"), "{refused}");
        assert!(check(8, 1, 0).is_err());
    }
}
