//! The documented settings file with every key: `#key = default`, and `# key = example` where there is no default.

use clap::{Arg, ArgAction, Command};

use crate::settings_file::HUB_EXAMPLE;
use crate::settings_tree::Section;

const WIDTH: usize = 120;

const HEAD: &str = "\
# Settings of sse-server. A line that begins with # and a letter has a default: take the # away to change it.
# What the command line says (--write-timeout) goes before the environment (SSE_WRITE_TIMEOUT), and that before this file.
# Paths are those of the folder in which the server starts. SIGHUP and POST /admin/reload read the file again;
# `sse-server check` says what is wrong with it, and what is in force.
";

/// The example, with the flags of this command and these sections.
pub(crate) fn example(command: &Command, sections: &[Section]) -> String {
    let is_key = |flag: &&Arg| {
        let id = flag.get_id().as_str();
        !id.contains('.') && !["config", "help", "version"].contains(&id)
    };
    let mut text = HEAD.to_owned();
    for flag in command.get_arguments().filter(is_key) {
        let help = flag.get_long_help().or(flag.get_help()).map(ToString::to_string).unwrap_or_default();
        text += &format!("\n{}{}\n", comment(&help), key(flag, sections));
    }
    for section in sections.iter().map(|section| section.example).chain([HUB_EXAMPLE]) {
        text += &format!("\n{section}");
    }
    text
}

/// One that a section has the name of cannot stand beside it.
fn key(flag: &Arg, sections: &[Section]) -> String {
    let id = flag.get_id().as_str();
    let is_section = sections.iter().any(|section| section.name == id);
    let default = flag.get_default_values().first().map(|value| value.to_string_lossy());
    let names = flag.get_value_names().unwrap_or_default();
    let name = names.first().map_or("VALUE", |name| name.as_str());
    match (flag.get_action(), default) {
        (ArgAction::SetTrue, _) => format!("#{id} = false"),
        (ArgAction::Append, None) => format!("# {id} = [{name:?}]"),
        (_, None) => format!("# {id} = {name:?}"),
        (_, Some(default)) => format!("#{}{id} = {default:?}", if is_section { " " } else { "" }),
    }
}

/// Lines of a comment.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), "#".to_owned());
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines += &line;
            lines.push('\n');
            line = "#".to_owned();
        }
        line = line + " " + word;
    }
    lines + &line + "\n"
}
