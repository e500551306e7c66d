//! Who makes a request, and what they may do: asked by everything that reads, publishes or lists.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sse_core::{Selector, Topic};
use sse_hub::{Selectors, SelectorsError};

use super::grants::{Grants, NarrowError};
use super::sha256::sha256;
use super::token_error::TokenError;

/// Enough that no two readers have the same by chance.
const READER_DIGITS: usize = 32;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Access(Arc<Identity>);

#[derive(Debug)]
struct Identity {
    grants: Grants,
    /// A token would be another identity: what is refused to this one needs a token.
    is_anonymous: bool,
    holder: Holder,
}

/// What a token says of who holds it.
#[derive(Debug, Default)]
pub(super) struct Holder {
    /// Of the token itself.
    pub(super) sha256: String,
    pub(super) subject: Option<String>,
    /// For people to see.
    pub(super) name: Option<String>,
    /// In seconds since 1970; `None` is never.
    pub(super) expires: Option<u64>,
}

/// Why an event stream ends before its topics do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    Expired,
    SignedOut,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("this needs a token: sign in, or send it as `Authorization: Bearer TOKEN`")]
    NoToken,
    #[error("the token is refused: {0}")]
    Token(#[from] TokenError),
    #[error("this server takes no tokens: its settings file has no section `[auth]`")]
    NoAuth,
    #[error("the request has two different tokens; send one")]
    TwoTokens,
    #[error("the token does not allow {0} {1}")]
    NotGranted(Right, Selector),
    #[error("the token does not grant `admin`")]
    NotAdmin,
    #[error(
        "this is for operators: ask from the machine that the hub runs on, at its address and not through a proxy, or set up tokens \
         that grant `admin` (`[auth]`)"
    )]
    NotOperator,
    #[error("this is for operators, who have an address of their own (--admin-listen)")]
    NotHere,
    #[error(transparent)]
    TooMany(#[from] SelectorsError),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Right {
    Subscribe,
    Publish,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscribe => "subscribing to",
            Self::Publish => "publishing to",
        })
    }
}

impl Access {
    /// Where nobody needs a token.
    pub(super) fn everything() -> Self {
        Self::new(Grants::everything(), false, Holder::default())
    }

    /// Without a token, where others have one.
    pub(super) fn anonymous(grants: Grants) -> Self {
        Self::new(grants, true, Holder::default())
    }

    pub(super) fn with_token(grants: Grants, holder: Holder) -> Self {
        Self::new(grants, false, holder)
    }

    fn new(grants: Grants, is_anonymous: bool, holder: Holder) -> Self {
        Self(Arc::new(Identity { grants, is_anonymous, holder }))
    }

    /// Of these topics those that may be read.
    pub(crate) fn narrow(&self, asked: &Selectors) -> Result<Selectors, AccessError> {
        self.0.grants.subscribe.narrow(asked).map_err(|error| match error {
            NarrowError::NotGranted(selector) => self.refused(Right::Subscribe, selector),
            NarrowError::TooMany(error) => error.into(),
        })
    }

    pub(crate) fn may_subscribe(&self, topic: &Topic) -> bool {
        self.0.grants.subscribe.covers(topic)
    }

    pub(crate) fn check_subscribe(&self, topic: &Topic) -> Result<(), AccessError> {
        self.check(self.may_subscribe(topic), Right::Subscribe, topic)
    }

    /// Closing and deleting too.
    pub(crate) fn check_publish(&self, topic: &Topic) -> Result<(), AccessError> {
        self.check(self.0.grants.publish.covers(topic), Right::Publish, topic)
    }

    /// Is there a topic that they may publish to? Asked before a body is read that names topics.
    pub(crate) fn check_publishes(&self) -> Result<(), AccessError> {
        let none = self.0.grants.publish.is_nothing();
        if none { Err(self.refused(Right::Publish, Selector::All)) } else { Ok(()) }
    }

    fn check(&self, granted: bool, right: Right, topic: &Topic) -> Result<(), AccessError> {
        if granted { Ok(()) } else { Err(self.refused(right, Selector::Exact(topic.clone()))) }
    }

    fn refused(&self, right: Right, selector: Selector) -> AccessError {
        if self.0.is_anonymous { AccessError::NoToken } else { AccessError::NotGranted(right, selector) }
    }

    pub(crate) fn grants(&self) -> &Grants {
        &self.0.grants
    }

    pub(crate) fn has_token(&self) -> bool {
        !self.token_sha256().is_empty()
    }

    /// Empty without one.
    pub(super) fn token_sha256(&self) -> &str {
        &self.0.holder.sha256
    }

    pub(crate) fn check_admin(&self) -> Result<(), AccessError> {
        match (self.is_admin(), self.0.is_anonymous) {
            (true, _) => Ok(()),
            (false, true) => Err(AccessError::NoToken),
            (false, false) => Err(AccessError::NotAdmin),
        }
    }

    /// May they see what is for operators?
    pub(crate) fn is_admin(&self) -> bool {
        self.0.grants.admin
    }

    /// Is this the next token of who holds `old`: later, with the same name, and with no less granted?
    pub(super) fn renews(&self, old: &Self) -> bool {
        let (new, held) = (&self.0.holder, &old.0.holder);
        let is_same = new.subject.is_some() && new.subject == held.subject && new.name == held.name;
        let is_later = held.expires.is_some_and(|held| new.expires.is_none_or(|new| new > held));
        is_same && is_later && self.0.grants.include(&old.0.grants)
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.0.holder.subject.as_deref()
    }

    /// Whom the limits by subject count. Not for a static key, which alone does not expire: it is the operator's own.
    pub(crate) fn limited_subject(&self) -> Option<&String> {
        let Holder { subject, expires, .. } = &self.0.holder;
        subject.as_ref().filter(|_| expires.is_some())
    }

    /// What others are to call them: the token's `name`, else its subject.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.holder.name.as_deref().or(self.subject())
    }

    /// Names who reads and what they may read, so that a reader can tell its own answers from those for another; says nothing more.
    pub(super) fn reader(&self) -> String {
        let subject = self.subject().unwrap_or_default();
        let mut reader = sha256(&format!("{subject}\0{}", self.0.grants.subscribe));
        reader.truncate(READER_DIGITS);
        reader
    }

    /// How long the token is still good for; `None` is for ever.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.0.holder.expires?))?;
        Some(end.duration_since(SystemTime::now()).unwrap_or_default())
    }
}
