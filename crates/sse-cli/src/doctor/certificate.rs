//! The content of a server certificate: names, issuer, validity. The TLS library verifies it, not this.

use std::net::IpAddr;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

const MAX_NAMES: usize = 100;

#[derive(Debug, Clone)]
pub(super) struct Certificate {
    /// Why the TLS library rejects it.
    pub(super) refused: Option<String>,
    /// `None` if it cannot be parsed.
    pub(super) facts: Option<Facts>,
}

#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) issuer: String,
    /// Issuer and subject are the same.
    pub(super) self_signed: bool,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    names: Vec<Name>,
}

#[derive(Debug, Clone)]
enum Name {
    Dns(String),
    Address(IpAddr),
}

impl Facts {
    /// `None` if the bytes are not a certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            issuer: certificate.issuer().to_string(),
            self_signed: certificate.issuer() == certificate.subject(),
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            names: names.filter_map(Name::read).take(MAX_NAMES).collect(),
        })
    }

    pub(super) fn is_for(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        self.names.iter().any(|name| match (name, address) {
            (Name::Address(mine), Some(address)) => *mine == address,
            (Name::Dns(mine), None) => covers(mine, host),
            _ => false,
        })
    }

    pub(super) fn names(&self) -> String {
        let names = self.names.iter().take(5).map(|name| match name {
            Name::Dns(name) => name.clone(),
            Name::Address(address) => address.to_string(),
        });
        let names: Vec<_> = names.collect();
        let more = if self.names.len() > names.len() { " and others" } else { "" };
        if names.is_empty() { "no name".to_owned() } else { format!("{}{more}", names.join(", ")) }
    }
}

impl Name {
    fn read(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(Self::Dns((*name).to_owned())),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                address.ok().map(Self::Address)
            }
            _ => None,
        }
    }
}

/// A wildcard stands for the first label.
fn covers(name: &str, host: &str) -> bool {
    if let Some(parent) = name.strip_prefix("*.") {
        return host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent));
    }
    name.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("Example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", "example.com"));
    }

    #[test]
    fn reads_names_times_and_issuer() {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let facts = Facts::read(made.cert.der()).unwrap();
        assert!(facts.is_for("localhost") && facts.is_for("127.0.0.1"));
        assert!(!facts.is_for("[::1]") && !facts.is_for("example.com"));
        assert!(facts.self_signed && facts.not_before < facts.not_after);
        assert_eq!(facts.names(), "localhost, 127.0.0.1");
        assert!(Facts::read(b"no certificate").is_none());
    }
}
