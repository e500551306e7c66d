//! Which applications are to run: what `--apps` says.

use crate::apps::{APPLICATIONS, Application};
use crate::settings_tree::SettingsTree;

pub(crate) const APPS: &str = "apps";

/// What `--apps` says: the names of the applications that are on.
#[derive(Debug, Clone)]
pub(crate) struct Chosen(pub(crate) Vec<String>);

impl Chosen {
    pub(crate) fn all() -> Self {
        Self(APPLICATIONS.iter().map(|app| app.name.to_owned()).collect())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let known = Self::all().0;
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match names.iter().find(|name| !known.contains(name)) {
            Some(name) => {
                Err(format!("there is no application {name:?}; use all, none or some of {}", known.join(",")))
            }
            None => Ok(Self(names)),
        }
    }

    /// What the settings file says, if that can be understood; if not, that is told later.
    pub(crate) fn of_file(tree: &SettingsTree) -> Option<Self> {
        let (_, value) = tree.top().find(|(key, _)| *key == APPS)?;
        Self::parse(value.as_str()?).ok()
    }

    pub(crate) fn has(&self, app: &Application) -> bool {
        self.0.iter().any(|name| name == app.name)
    }
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(",")) }
    }
}
