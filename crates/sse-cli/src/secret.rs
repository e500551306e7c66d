//! A value of the command line that is never shown: neither in `Debug` nor in the error when it is invalid.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

/// Something that may be a password. `Debug` prints `(redacted)`.
#[derive(Clone)]
pub(crate) struct Secret<T>(T);

impl<T> Secret<T> {
    pub(crate) fn get(&self) -> &T {
        &self.0
    }

    /// A value parser that, unlike clap's own, does not repeat the text in its error. The errors of `parse` must not
    /// contain it either.
    pub(crate) fn parser<E>(parse: fn(&str) -> Result<T, E>) -> SecretParser<T, E> {
        SecretParser(parse)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

pub(crate) struct SecretParser<T, E>(fn(&str) -> Result<T, E>);

impl<T, E> Clone for SecretParser<T, E> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T: Clone + Send + Sync + 'static, E: fmt::Display + 'static> TypedValueParser for SecretParser<T, E> {
    type Value = Secret<T>;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Secret<T>, Error> {
        let refuse = |reason: &dyn fmt::Display| {
            let arg = arg.map(ToString::to_string).unwrap_or_default();
            command.clone().error(ErrorKind::ValueValidation, format!("invalid value for '{arg}': {reason}"))
        };
        let text = value.to_str().ok_or_else(|| refuse(&"it is not UTF-8"))?;
        (self.0)(text).map(Secret).map_err(|reason| refuse(&reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_is_not_repeated() {
        let arg = Arg::new("pin").long("pin").value_parser(Secret::parser(|text: &str| text.parse::<u8>()));
        let error = Command::new("x").arg(arg).try_get_matches_from(["x", "--pin", "hunter2"]).unwrap_err();
        assert!(error.to_string().contains("--pin"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", Secret("hunter2")), "(redacted)");
    }
}
