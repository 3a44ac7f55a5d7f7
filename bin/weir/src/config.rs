//! The configuration file, and where each effective setting comes from.

use clap::{ArgMatches, Command, parser::ValueSource};
use eyre::{Context, bail, eyre};
use std::{collections::BTreeMap, path::Path};
use weir_keys::KeySource;

/// Variables that tests read; every other `WEIR_*` variable must be a setting.
const TEST_VARIABLES: [&str; 3] = ["WEIR_CRASH_ROUNDS", "WEIR_FIXTURES", "WEIR_NPM"];

/// The settings in a file, as text, by flag name.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFile {
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads a TOML file of `flag-name = value` lines; an unknown key is an error that names it.
    pub(crate) fn read(path: &Path, command: &Command) -> eyre::Result<Self> {
        let text = std::fs::read_to_string(path).wrap_err_with(|| {
            format!("configuration file cannot be read: path={}", path.display())
        })?;
        Self::parse(&text, command)
            .wrap_err_with(|| format!("configuration file is not valid: path={}", path.display()))
    }

    fn parse(text: &str, command: &Command) -> eyre::Result<Self> {
        let table: toml::Table = text.parse()?;
        let mut values = BTreeMap::new();
        for (key, value) in table {
            if !setting_names(command).any(|name| name == key) {
                bail!("unknown key: {key}");
            }
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                other => bail!("value of {key} is neither text, integer nor boolean: {other}"),
            };
            values.insert(key, value);
        }
        Ok(Self { values })
    }

    /// The command with the file's values as its defaults, so that flags and environment still win.
    pub(crate) fn apply(&self, command: Command) -> Command {
        self.values.iter().fold(command, |command, (key, value)| {
            let id = key.replace('-', "_");
            let value = clap::builder::OsStr::from(value.clone());
            command.mut_arg(id, |argument| argument.default_value(value))
        })
    }

    fn contains(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
}

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectiveSetting {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) origin: &'static str,
}

/// The names of the settings of a node command: all its flags that an environment variable reaches too.
pub(crate) fn setting_names(command: &Command) -> impl Iterator<Item = &str> {
    command
        .get_arguments()
        .filter(|argument| argument.get_env().is_some() && argument.get_id() != "config")
        .filter_map(|argument| argument.get_long())
}

/// Every setting with its value and origin, in the order of the help text.
pub(crate) fn effective_settings(
    command: &Command,
    matches: &ArgMatches,
    file: &ConfigFile,
) -> Vec<EffectiveSetting> {
    setting_names(command)
        .map(|name| {
            let id = name.replace('-', "_");
            let value = matches.get_raw(&id).and_then(|mut values| values.next());
            let origin = match matches.value_source(&id) {
                Some(ValueSource::CommandLine) => "flag",
                Some(ValueSource::EnvVariable) => "environment",
                _ if file.contains(name) => "file",
                _ => "default",
            };
            let value = value.map(|value| shown(name, &value.to_string_lossy()));
            EffectiveSetting { name: name.to_owned(), value, origin }
        })
        .collect()
}

/// A value as it may be printed: a key that was given instead of its file is not.
fn shown(name: &str, value: &str) -> String {
    let source = value.parse::<KeySource>();
    match source {
        Ok(source) if name.ends_with("-key") => source.to_string(),
        _ => value.to_owned(),
    }
}

/// Refuses `WEIR_*` variables that no setting reads: a misspelt one would otherwise be ignored.
pub(crate) fn check_environment(command: &Command) -> eyre::Result<()> {
    let known: Vec<_> = command
        .get_subcommands()
        .chain(std::iter::once(command))
        .flat_map(Command::get_arguments)
        .filter_map(|argument| argument.get_env())
        .collect();
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("WEIR_");
        let is_test = TEST_VARIABLES.iter().any(|variable| name == *variable);
        if is_ours && !is_test && !known.iter().any(|variable| *variable == name) {
            return Err(eyre!("unknown environment variable: {}", name.to_string_lossy()));
        }
    }
    Ok(())
}
