//! One setting in all its forms: a key at the top of the settings file is a flag, and a key of a section with defaults has a flag
//! and a variable.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::Value;

use crate::settings_fault::did_you_mean;
use crate::settings_tree::Section;

/// A line of a section's example.
pub(crate) struct ExampleKey<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
    /// The value is the default.
    pub(crate) is_default: bool,
    /// What stands above it.
    pub(crate) help: String,
}

/// The keys of a section.
pub(crate) fn keys_of(section: &Section) -> Vec<ExampleKey<'_>> {
    let (mut keys, mut help) = (Vec::new(), Vec::new());
    for line in section.example.lines() {
        let text = line.strip_prefix('#').unwrap_or(line);
        let pair = text.trim_start().split_once(" = ");
        let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match pair.filter(|(key, _)| is_key(key)) {
            Some((key, value)) => {
                let help = std::mem::take(&mut help).join(" ");
                keys.push(ExampleKey { key, value, is_default: !text.starts_with(' '), help });
            }
            None if text.starts_with('[') => help.clear(),
            None => help.push(text.trim()),
        }
    }
    keys
}

/// The flags of a section's keys, such as `--limits-topics`.
pub(crate) fn flags_of(section: &Section) -> impl Iterator<Item = Arg> {
    let name = section.name;
    keys_of(section).into_iter().map(move |ExampleKey { key, value, is_default, help }| {
        let long = format!("{name}-{key}").replace('_', "-");
        let variable = format!("SSE_{name}_{key}").to_uppercase();
        let default =
            if is_default { format!(" [default: {}]", value.trim_matches('"')) } else { String::new() };
        Arg::new(format!("{name}.{key}"))
            .long(long)
            .env(OsString::from(variable))
            .value_name("VALUE")
            .help(format!("{help}{default}"))
            .help_heading(format!("Section [{name}] of the settings file"))
    })
}

/// What the command line would have in the place of a key of the file.
///
/// # Errors
/// What is wrong with the value, and what is allowed.
pub(crate) fn arguments(flag: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let long = flag.get_long().unwrap_or_default();
    if matches!(flag.get_action(), ArgAction::SetTrue) {
        let is_on = value.as_bool().ok_or("must be true or false")?;
        return Ok(is_on.then(|| format!("--{long}")).into_iter().collect());
    }
    let values = match value {
        Value::Array(values) if matches!(flag.get_action(), ArgAction::Append) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let argument = |value| {
        let text = text_of(value)?;
        check(flag, &text).map(|()| format!("--{long}={text}"))
    };
    values.iter().map(argument).collect()
}

fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_on) => Ok(if *is_on { "on" } else { "off" }.to_owned()),
        Value::Array(_) => Err("must be one value, and not a list".into()),
        _ => Err("must be a text or a number".into()),
    }
}

/// As the flag itself would.
fn check(flag: &Arg, text: &str) -> Result<(), String> {
    let mut value = Arg::new("value").value_parser(flag.get_value_parser().clone()).num_args(1..);
    if let Some(delimiter) = flag.get_value_delimiter() {
        value = value.value_delimiter(delimiter);
    }
    let checked = Command::new("").no_binary_name(true).arg(value).try_get_matches_from(["--", text]);
    checked.map(drop).map_err(|error| reason(&error, text))
}

fn reason(error: &clap::Error, text: &str) -> String {
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) {
        let (hint, valid) = (did_you_mean(text, valid.iter().map(String::as_str)), valid.join(", "));
        return format!("must be one of {valid}{hint}");
    }
    std::error::Error::source(error).map_or_else(|| "cannot be empty".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: Section = Section {
        name: "garden",
        example: "# All of it.\n#[garden]\n# How\n# wide.\n#width_m = 5\n# Who.\n# owner = \"ann\"\n",
        check: |_, _| {},
    };

    #[test]
    fn each_key_of_a_section_has_a_flag_and_a_variable() {
        let flags: Vec<Arg> = flags_of(&SECTION).collect();
        let [width, owner] = &flags[..] else { panic!("{flags:?}") };
        assert_eq!((width.get_id().as_str(), width.get_long()), ("garden.width_m", Some("garden-width-m")));
        assert_eq!(width.get_env(), Some("SSE_GARDEN_WIDTH_M".as_ref()));
        assert_eq!(width.get_help().unwrap().to_string(), "How wide. [default: 5]");
        assert_eq!(owner.get_help().unwrap().to_string(), "Who.");
    }

    #[test]
    fn a_value_of_the_file_is_checked_as_its_flag_is() {
        let port = Arg::new("port").long("port").value_parser(clap::value_parser!(u16));
        let name = Arg::new("name").long("name").value_parser(["ann", "bob"]).action(ArgAction::Append);
        let open = Arg::new("open").long("open").action(ArgAction::SetTrue);
        let list = || Value::Array(vec!["ann".into(), "bob".into()]);
        for (flag, value, expected) in [
            (&port, Value::Integer(80), Ok(vec!["--port=80"])),
            (&port, Value::Integer(80_000), Err("80000 is not in 0..=65535")),
            (&port, list(), Err("must be one value, and not a list")),
            (&name, list(), Ok(vec!["--name=ann", "--name=bob"])),
            (&name, "bop".into(), Err("must be one of ann, bob; did you mean `bob`?")),
            (&open, true.into(), Ok(vec!["--open"])),
            (&open, false.into(), Ok(vec![])),
            (&open, "on".into(), Err("must be true or false")),
        ] {
            let arguments = arguments(flag, &value);
            assert_eq!(
                arguments,
                expected.map(|texts| texts.iter().map(ToString::to_string).collect()).map_err(str::to_owned)
            );
        }
    }
}
