//! Which applications are on, and their flags: reads the command line as far as the table of applications decides what is
//! in it.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Subcommand as _};

use crate::apps::{APPLICATIONS, Application};
use crate::config::Settings;
use crate::maintenance::Maintenance;

const APPS: &str = "apps";

/// The applications that are on.
#[derive(Debug)]
pub struct Selection {
    on: Vec<&'static Application>,
    flags: ArgMatches,
    /// Environment variables of applications that are off.
    ignored: Vec<String>,
}

impl Settings {
    /// The command line with the flags of every application, from which completions and man pages are made.
    pub fn definition() -> Command {
        APPLICATIONS.iter().fold(base(), |command, app| (app.flags)(command.next_help_heading(heading(app))))
    }

    /// Reads the command line and the environment.
    ///
    /// # Errors
    /// What is wrong, for people; also `--help` and `--version`.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Self, Selection), clap::Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        // --help shows the flags of what is on, so that is looked for first. What is wrong is told below.
        let all = APPLICATIONS.iter().flat_map(flags).map(|flag| refused(&flag));
        let lenient = base().args(all).ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
        let lenient = lenient.arg(harmless("help", 'h')).arg(harmless("version", 'V'));
        let chosen = lenient.try_get_matches_from(&args).ok();
        let on = chosen.and_then(|matches| matches.try_get_one::<Chosen>(APPS).ok().flatten().cloned());
        let on = on.unwrap_or_else(Chosen::all);
        let mut command = base();
        let mut off = Vec::new();
        for app in &APPLICATIONS {
            if on.has(app) {
                command = (app.flags)(command.next_help_heading(heading(app)));
            } else {
                let flags = flags(app);
                command = command.args(flags.iter().map(refused));
                off.extend(flags.into_iter().map(|flag| (app.name, flag)));
            }
        }
        let flags = command.clone().try_get_matches_from(&args)?;
        let given = |(_, flag): &&(&str, Arg)| flags.contains_id(flag.get_id().as_str());
        if let Some((app, flag)) = off.iter().find(given) {
            let flag = flag.get_long().unwrap_or_default();
            let why = format!("--{flag} belongs to the application {app}, which is off (--apps {on})");
            return Err(command.error(ErrorKind::ArgumentConflict, why));
        }
        let set =
            off.iter().filter_map(|(_, flag)| flag.get_env().filter(|name| std::env::var_os(name).is_some()));
        let ignored = set.map(|name| name.to_string_lossy().into_owned()).collect();
        let settings = Self::from_arg_matches(&flags)?;
        let on = APPLICATIONS.iter().filter(|app| on.has(app)).collect();
        Ok((settings, Selection { on, flags, ignored }))
    }
}

impl Selection {
    pub(crate) fn on(&self) -> impl Iterator<Item = &'static Application> {
        self.on.iter().copied()
    }

    pub(crate) fn is_on(&self, app: &Application) -> bool {
        self.on.iter().any(|on| on.name == app.name)
    }

    pub(crate) fn flags(&self) -> &ArgMatches {
        &self.flags
    }

    /// What is to be done instead of running a server, if anything.
    pub fn maintenance(&self) -> Option<Maintenance> {
        // The flags were read with these commands, so an error says that there is none.
        Maintenance::from_arg_matches(&self.flags).ok()
    }

    /// Says what the environment, and the settings file, has for applications that are off.
    pub(crate) fn warn_of_ignored(&self, sections: &[String]) {
        for variable in &self.ignored {
            tracing::warn!(variable, "ignored: its application is off (--apps)");
        }
        let off = APPLICATIONS.iter().filter(|app| !self.is_on(app)).filter_map(|app| app.section);
        for section in off.filter(|section| sections.iter().any(|given| given == section)) {
            tracing::warn!(section, "ignored: its application is off (--apps)");
        }
    }
}

fn base() -> Command {
    let help = format!(
        "Applications that run on the hub: `all`, `none` for a bare hub, or a list of {}, separated by commas",
        Chosen::all().0.join(", ")
    );
    let apps = Arg::new(APPS).long(APPS).env("SSE_APPS").value_name("all|none|LIST").help(help);
    let maintenance = Maintenance::augment_subcommands(Command::new(APPS));
    let settings = Settings::command().subcommands(maintenance.get_subcommands().cloned());
    let settings = settings.args_conflicts_with_subcommands(true).disable_help_subcommand(true);
    settings.arg(apps.default_value("all").value_parser(Chosen::parse))
}

fn heading(app: &Application) -> String {
    format!("Options of the application {}", app.name)
}

/// A flag that only the strict reading acts upon.
fn harmless(name: &'static str, short: char) -> Arg {
    Arg::new(name).long(name).short(short).action(ArgAction::SetTrue)
}

fn flags(app: &Application) -> Vec<Arg> {
    (app.flags)(Command::new(app.name)).get_arguments().cloned().collect()
}

/// The flag of an application that is off: known, so that the error can say why it is not taken.
fn refused(flag: &Arg) -> Arg {
    let long = flag.get_long().unwrap_or_default().to_owned();
    Arg::new(flag.get_id().clone()).long(long).hide(true).num_args(0..=1)
}

/// What `--apps` says: the names of the applications that are on.
#[derive(Debug, Clone)]
struct Chosen(Vec<String>);

impl Chosen {
    fn all() -> Self {
        Self(APPLICATIONS.iter().map(|app| app.name.to_owned()).collect())
    }

    fn parse(text: &str) -> Result<Self, String> {
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

    fn has(&self, app: &Application) -> bool {
        self.0.iter().any(|name| name == app.name)
    }
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Vec<&'static str>, String> {
        let args = ["sse-server"].iter().chain(args).map(OsString::from);
        let (_, selection) = Settings::read(args).map_err(|error| error.to_string())?;
        Ok(selection.on().map(|app| app.name).collect())
    }

    #[test]
    fn all_none_or_some() {
        assert_eq!(read(&[]).unwrap().len(), APPLICATIONS.len());
        assert_eq!(read(&["--apps", "none"]).unwrap(), [""; 0]);
        assert_eq!(read(&["--apps", "ticker, chat"]).unwrap(), ["chat", "ticker"]);
        assert!(read(&["--apps", "chess"]).unwrap_err().contains("there is no application \"chess\""));
    }

    #[test]
    fn a_flag_of_what_is_off_names_both() {
        for flag in [&["--chat-grace", "1s"][..], &["--chat-grace=nonsense"]] {
            let error = read(&[flag, &["--apps", "ticker"]].concat()).unwrap_err();
            assert!(error.contains("--chat-grace belongs to the application chat"), "{error}");
            assert!(error.contains("off (--apps ticker)"), "{error}");
        }
        assert_eq!(read(&["--apps", "chat", "--chat-grace", "1s"]).unwrap(), ["chat"]);
    }

    #[test]
    fn help_shows_the_flags_of_what_is_on() {
        let help = |apps| read(&["--apps", apps, "--help"]).unwrap_err();
        assert!(help("none").contains("--apps") && !help("none").contains("--ticker"));
        assert!(help("ticker").contains("--ticker-seed") && !help("ticker").contains("--chat-grace"));
        assert!(help("all").contains("--chat-grace"));
        assert!(!read(&["-h", "--apps", "none"]).unwrap_err().contains("--ticker"));
    }
}
