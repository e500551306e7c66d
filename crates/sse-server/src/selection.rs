//! Which applications are on, and what is said of every setting: reads the command line, the environment and the settings file, as far
//! as the table of applications decides what is in them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Subcommand as _};

use crate::apps::{APPLICATIONS, Application};
use crate::chosen::{APPS, Chosen};
use crate::config::Settings;
use crate::example::example;
use crate::file_flags::{arguments, flags_of};
use crate::in_force::{InForce, Sources};
use crate::maintenance::Maintenance;
use crate::settings_fault::{Fault, Origin, did_you_mean, listed};
use crate::settings_file::{LIMITS, SECTIONS, SettingsFile};
use crate::settings_tree::{Section, SettingsTree};
use crate::small_file;

const CONFIG: &str = "config";
/// What prints the settings that are in force, in the place of a command: it takes the server's own flags.
const CHECK: &str = "check";
/// The command that prints the example.
const EXAMPLE: &str = "config";

/// The applications that are on, and all that is said of settings.
#[derive(Debug)]
pub struct Selection {
    on: Vec<&'static Application>,
    flags: ArgMatches,
    /// What is set for applications that are off: variables, and keys of the file.
    ignored: Vec<String>,
    /// Sections of the settings file, with flags and variables of their keys.
    pub(crate) tree: SettingsTree,
    pub(crate) file: SettingsFile,
    pub(crate) in_force: Vec<InForce>,
    /// From which all of this can be read again.
    pub(crate) args: Vec<OsString>,
    is_check: bool,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// On the command line or in the environment; also `--help` and `--version`.
    #[error("{0}")]
    Usage(#[from] clap::Error),
    /// In the settings file, or in what flags and variables say of its sections: all of it.
    #[error("cannot use the settings{}: {}", in_file(.0), listed(.1))]
    Faults(Option<PathBuf>, Vec<Fault>),
}

/// What the command line says, as far as that can be told before it is read strictly.
struct Glance {
    /// Flags that are given.
    flags: Vec<String>,
    config: Option<PathBuf>,
    apps: Option<Chosen>,
    is_command: bool,
}

impl Settings {
    /// The command line with the flags of every application, from which completions and man pages are made.
    pub fn definition() -> Command {
        command(&Chosen::all(), false).0
    }

    /// Reads the command line, the environment and the settings file: what the first says goes before the second, and that before
    /// the third.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Self, Selection), SettingsError> {
        let all: Vec<OsString> = args.into_iter().collect();
        let is_check = all.get(1).is_some_and(|arg| arg == CHECK);
        let mut args = all.clone();
        if is_check {
            args.remove(1);
        }
        let glance = Glance::at(&args);
        let file = glance.config.as_ref().filter(|_| !glance.is_command);
        let mut faults = Vec::new();
        let mut tree = file.map_or_else(SettingsTree::default, |file| read_tree(file, &mut faults));
        let on = glance.apps.clone().or_else(|| Chosen::of_file(&tree)).unwrap_or_else(Chosen::all);
        let (mut command, off) = command(&on, is_check);
        let of_file = of_top(&command, &off, &tree, &glance, &mut faults);
        args.extend(of_file.values().flat_map(|(_, given)| given).map(OsString::from));
        let flags = command.try_get_matches_from_mut(&args)?;
        check_off(&mut command, &flags, &on, &off)?;
        let sources = Sources { command: &command, flags: &flags, of_file: &of_file };
        sources.set_sections(&mut tree);
        let folder = file.and_then(|file| file.parent()).unwrap_or(Path::new(""));
        let read = SettingsFile::of(&tree, folder, &mut faults);
        let on: Vec<_> = APPLICATIONS.iter().filter(|app| on.has(app)).collect();
        check_sections(&tree, &on, &mut faults);
        if !faults.is_empty() {
            faults.sort_by_key(Fault::line);
            return Err(SettingsError::Faults(file.cloned(), faults));
        }
        let sections: Vec<Section> =
            [LIMITS].into_iter().chain(on.iter().filter_map(|app| app.section)).collect();
        let in_force = sources.in_force(&tree, &sections);
        let ignored = ignored(&off, &tree);
        let settings = Self::from_arg_matches(&flags)?;
        Ok((settings, Selection { on, flags, ignored, tree, file: read, in_force, args: all, is_check }))
    }
}

impl Selection {
    pub(crate) fn on(&self) -> impl Iterator<Item = &'static Application> {
        self.on.iter().copied()
    }

    pub(crate) fn flags(&self) -> &ArgMatches {
        &self.flags
    }

    /// What is to be printed instead of running a server, if anything.
    pub fn text(&self) -> Option<String> {
        match self.flags.subcommand_name() {
            Some(EXAMPLE) => {
                let apps = APPLICATIONS.iter().filter_map(|app| app.section);
                Some(example(
                    &command(&Chosen::all(), false).0,
                    &[LIMITS].into_iter().chain(apps).collect::<Vec<_>>(),
                ))
            }
            _ => self.is_check.then(|| self.in_force.iter().map(|setting| format!("{setting}\n")).collect()),
        }
    }

    /// What is to be done instead of running a server, if anything.
    pub fn maintenance(&self) -> Option<Maintenance> {
        // The flags were read with these commands, so an error says that there is none.
        Maintenance::from_arg_matches(&self.flags).ok()
    }

    /// Says what the environment, and the settings file, has for applications that are off.
    pub(crate) fn warn_of_ignored(&self) {
        for setting in &self.ignored {
            tracing::warn!(setting, "ignored: its application is off (--apps)");
        }
    }
}

impl Glance {
    /// --help shows the flags of what is on, so that is looked for first. What is wrong is told later.
    fn at(args: &[OsString]) -> Self {
        let all = APPLICATIONS.iter().flat_map(flags).map(|flag| refused(&flag));
        let lenient = base().args(all).ignore_errors(true).disable_help_flag(true).disable_version_flag(true);
        let lenient = lenient.arg(harmless("help", 'h')).arg(harmless("version", 'V'));
        let is_command = args.get(1).is_some_and(|name| lenient.find_subcommand(name).is_some());
        let Ok(matches) = lenient.try_get_matches_from(args) else {
            return Self { flags: Vec::new(), config: None, apps: None, is_command };
        };
        let is_given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let flags = matches.ids().map(clap::Id::as_str).filter(is_given).map(str::to_owned).collect();
        let is_said = matches.value_source(APPS).is_some_and(|source| source != ValueSource::DefaultValue);
        let apps = matches.try_get_one::<Chosen>(APPS).ok().flatten().filter(|_| is_said).cloned();
        let config = matches.try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned();
        Self { flags, config, apps, is_command }
    }

    /// Does a flag or a variable say it?
    fn says(&self, flag: &Arg) -> bool {
        let is_set = || flag.get_env().is_some_and(|name| std::env::var_os(name).is_some());
        self.flags.iter().any(|given| given == flag.get_id().as_str()) || is_set()
    }
}

fn in_file(file: &Option<PathBuf>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!(" in {} (--config)", file.display()))
}

fn read_tree(file: &Path, faults: &mut Vec<Fault>) -> SettingsTree {
    match small_file::read_text(file) {
        Ok(text) => SettingsTree::parse(&text, faults),
        Err(error) => {
            faults.push(Fault { origin: None, key: String::new(), text: error.to_string() });
            SettingsTree::default()
        }
    }
}

/// The command with the flags of what is on, and the flags of what is off, which it refuses.
fn command(on: &Chosen, is_check: bool) -> (Command, Vec<(&'static str, Arg)>) {
    let mut command = base();
    if is_check {
        command = command.bin_name("sse-server check");
    }
    let mut off = Vec::new();
    for app in &APPLICATIONS {
        if on.has(app) {
            command = (app.flags)(command.next_help_heading(heading(app)));
            command = command.args(app.section.iter().flat_map(flags_of));
        } else {
            let flags = flags(app);
            command = command.args(flags.iter().map(refused));
            off.extend(flags.into_iter().map(|flag| (app.name, flag)));
        }
    }
    (command, off)
}

/// The arguments that stand for keys at the top of the file, unless a flag or a variable says the same; by their flag.
fn of_top(
    command: &Command,
    off: &[(&'static str, Arg)],
    tree: &SettingsTree,
    glance: &Glance,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, (Origin, Vec<String>)> {
    let is_key = |flag: &&Arg| !flag.get_id().as_str().contains('.') && flag.get_id() != CONFIG;
    let known: Vec<&Arg> = command.get_arguments().filter(is_key).collect();
    let mut names: Vec<&str> = known.iter().map(|flag| flag.get_id().as_str()).collect();
    names.extend(sections());
    let mut arguments_of_file = BTreeMap::new();
    for (key, value) in tree.top() {
        if off.iter().any(|(_, flag)| flag.get_id() == key) {
            continue;
        }
        let Some(flag) = known.iter().find(|flag| flag.get_id() == key) else {
            let said = match names.contains(&key) {
                true => "a section, and not a key".to_owned(),
                false => format!("unknown key{}", did_you_mean(key, names.iter().copied())),
            };
            faults.push(tree.fault(key, format!("{said}; `sse-server config` shows all")));
            continue;
        };
        match arguments(flag, value) {
            Ok(given) if !glance.says(flag) => {
                let origin = tree.origin(key).cloned().unwrap_or(Origin::Default);
                arguments_of_file.insert(key.to_owned(), (origin, given));
            }
            Ok(_) => {}
            Err(said) => faults.push(tree.fault(key, said)),
        }
    }
    arguments_of_file
}

/// Refuses flags of what is off.
fn check_off(
    command: &mut Command,
    flags: &ArgMatches,
    on: &Chosen,
    off: &[(&'static str, Arg)],
) -> Result<(), clap::Error> {
    let given = |(_, flag): &&(&str, Arg)| flags.contains_id(flag.get_id().as_str());
    off.iter().find(given).map_or(Ok(()), |(app, flag)| {
        let flag = flag.get_long().unwrap_or_default();
        let why = format!("--{flag} belongs to the application {app}, which is off (--apps {on})");
        Err(command.error(ErrorKind::ArgumentConflict, why))
    })
}

/// Notes what is wrong with the sections of applications that are on, and which sections there are not.
fn check_sections(tree: &SettingsTree, on: &[&Application], faults: &mut Vec<Fault>) {
    on.iter().filter_map(|app| app.section).for_each(|section| (section.check)(tree, faults));
    let known = sections();
    for name in tree.sections().filter(|name| !known.contains(name)) {
        let hint = did_you_mean(name, known.iter().copied());
        faults.push(tree.fault(name, format!("unknown section, expected one of {}{hint}", known.join(", "))));
    }
}

/// Names of all that there can be.
fn sections() -> Vec<&'static str> {
    let of_apps = APPLICATIONS.iter().filter_map(|app| app.section).map(|section| section.name);
    SECTIONS.into_iter().chain(of_apps).collect()
}

fn ignored(off: &[(&'static str, Arg)], tree: &SettingsTree) -> Vec<String> {
    let flags = || off.iter().map(|(_, flag)| flag);
    let variables = flags().filter_map(Arg::get_env).filter(|name| std::env::var_os(name).is_some());
    let keys = tree.top().map(|(key, _)| key).chain(tree.sections());
    let is_off = |key: &&str| flags().any(|flag| flag.get_id().as_str().split('.').next() == Some(key));
    variables
        .map(|name| name.to_string_lossy().into_owned())
        .chain(keys.filter(is_off).map(str::to_owned))
        .collect()
}

fn base() -> Command {
    let help = format!(
        "Applications that run on the hub: `all`, `none` for a bare hub, or a list of {}, separated by commas",
        Chosen::all().0.join(", ")
    );
    let apps = Arg::new(APPS).long(APPS).env("SSE_APPS").value_name("all|none|LIST").help(help);
    let maintenance = Maintenance::augment_subcommands(Command::new(APPS));
    let check = Command::new(CHECK).about(
        "Print the settings that are in force, and where each comes from; takes the flags of the server",
    );
    let config =
        Command::new(EXAMPLE).about("Print a settings file with every key, its default and what it means");
    let settings = Settings::command().subcommands(maintenance.get_subcommands().cloned());
    let settings = settings.subcommand(check).subcommand(config).args(flags_of(&LIMITS));
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
    let command = (app.flags)(Command::new(app.name));
    command.get_arguments().cloned().chain(app.section.iter().flat_map(flags_of)).collect()
}

/// The flag of an application that is off: known, so that the error can say why it is not taken.
fn refused(flag: &Arg) -> Arg {
    let long = flag.get_long().unwrap_or_default().to_owned();
    Arg::new(flag.get_id().clone()).long(long).hide(true).num_args(0..=1)
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
