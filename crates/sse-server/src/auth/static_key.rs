//! A key that is a token itself: random, without an end, known here by its hash alone.

use anyhow::ensure;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::access::{Access, Holder};
use super::grants::Grants;
use super::section::KeySection;
use super::sha256::{hexadecimal, sha256};

/// What each begins with, so that it is known for what it is, by programs that look for secrets in sources too.
const PREFIX: &str = "ssehub_";

pub(super) struct StaticKey {
    /// In lower-case hexadecimal digits.
    sha256: String,
    pub(super) access: Access,
}

impl StaticKey {
    pub(super) fn open(section: KeySection) -> anyhow::Result<Self> {
        let KeySection { name, sha256, subscribe, publish, admin } = section;
        let is_hash =
            sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        ensure!(
            is_hash,
            "sha256 of the key {name:?} has 64 lower-case hexadecimal digits; `sse-server token --new-key` makes a key"
        );
        let holder = Holder { subject: Some(name), sha256: sha256.clone(), ..Holder::default() };
        let access = Access::with_token(Grants { subscribe, publish, admin }, holder);
        Ok(Self { sha256, access })
    }

    /// Does this text look like a key, and not like a JWT?
    pub(super) fn is_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// Is this its key? Takes as long whatever differs.
    pub(super) fn is(&self, sha256: &str) -> bool {
        verify_slices_are_equal(self.sha256.as_bytes(), sha256.as_bytes()).is_ok()
    }

    /// A new key, and its hash.
    pub(super) fn random() -> anyhow::Result<(String, String)> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        let key = format!("{PREFIX}{}", hexadecimal(&bytes));
        let hash = sha256(&key);
        Ok((key, hash))
    }
}
