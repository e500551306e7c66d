//! What is wrong with a setting, and where that stands. Never shows a secret.

use std::fmt;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// Line of the settings file.
    Line(usize),
    /// Environment variable.
    Variable(String),
    /// Without its dashes.
    Flag(String),
}

/// Something is wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// `None`: with all of it.
    pub(crate) origin: Option<Origin>,
    /// Path of the setting, such as `topic[0].pattern`; may be empty.
    pub(crate) key: String,
    /// What, and what is allowed.
    pub(crate) text: String,
}

impl Fault {
    /// The line of the settings file, if it is there.
    pub(crate) fn line(&self) -> Option<usize> {
        match self.origin {
            Some(Origin::Line(line)) => Some(line),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.as_ref().map(ToString::to_string);
        let parts = origin.as_deref().into_iter().chain(Some(&*self.key)).chain(Some(&*self.text));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(": "))
    }
}

/// All of them, for people: each on a line of its own if there are several.
pub(crate) fn listed(faults: &[Fault]) -> String {
    match faults {
        [fault] => fault.to_string(),
        faults => {
            faults.iter().fold(format!("{} faults", faults.len()), |text, fault| format!("{text}\n  {fault}"))
        }
    }
}

/// The one of `known` that somebody may have meant by `text`, as a half sentence; empty if there is none.
pub(crate) fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|known| (strsim::jaro_winkler(text, known), known));
    let nearest = near.filter(|(likeness, _)| *likeness > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"))
}
