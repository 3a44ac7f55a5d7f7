//! `weir config print`.

use crate::{
    cli::Cli,
    config::{ConfigFile, effective_settings},
};
use clap::{ArgMatches, CommandFactory};
use std::process::ExitCode;

/// Prints each setting as a line of TOML with its origin in a comment; the output is a valid configuration file.
pub(crate) fn print(matches: &ArgMatches, file: &ConfigFile) -> eyre::Result<ExitCode> {
    let command = Cli::command();
    let print = command
        .find_subcommand("config")
        .and_then(|config| config.find_subcommand("print"))
        .expect("the command exists");
    let matches = matches
        .subcommand_matches("config")
        .and_then(|config| config.subcommand_matches("print"))
        .expect("this command was chosen");
    for setting in effective_settings(print, matches, file) {
        match setting.value {
            Some(value) => {
                println!("{} = {} # {}", setting.name, toml_value(&value), setting.origin)
            }
            None => println!("# {} is not set # {}", setting.name, setting.origin),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn toml_value(value: &str) -> String {
    let is_plain = value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok();
    if is_plain { value.to_owned() } else { toml::Value::String(value.to_owned()).to_string() }
}
