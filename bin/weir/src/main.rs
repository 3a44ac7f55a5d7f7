//! The `weir` program: command line, configuration, wiring, exit codes.

mod batching;
mod chain_state;
mod cli;
mod command;
mod config;
mod daemon;
mod demo;
mod http_settings;
mod keys;
mod liquidity;
mod node;
mod paths;
mod settings;
mod whitelist;

use clap::{CommandFactory, FromArgMatches};
use cli::{Cli, Command, ConfigCommand, NodeArgs};
use config::ConfigFile;
use node::NodeKind;
use std::process::ExitCode;

/// Requests allocate and free on different threads, which the system's allocator does under locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run() -> eyre::Result<ExitCode> {
    let (cli, file, matches) = parse()?;
    match cli.command {
        Command::Dev(args) => command::node::run(args, NodeKind::Development),
        Command::Node(args) => command::node::run(args, NodeKind::Operated),
        Command::Demo(args) => command::demo::run(args),
        Command::Config(ConfigCommand::Print(_)) => command::config::print(&matches, &file),
        Command::Liquidity(args) => command::liquidity::run(*args),
        Command::Feed(command) => command::feed::run(command),
        Command::Whitelist(command) => command::whitelist::run(command),
        Command::Pools(command) => command::pools::run(command),
        Command::Load(args) => command::load::run(args),
        Command::Derive(args) => command::derive::run(args),
        Command::Import(args) => command::import::run(&args),
        Command::Verify(command) => command::verify::run(command),
        Command::Proof(command) => command::proof::run(command),
        Command::Admin(args) => command::admin::run(args),
        Command::Health(args) => command::admin::health(&args),
        Command::Key(command) => command::key::run(command),
        Command::Upgrade(command) => command::upgrade::run(command),
        Command::Db(command) => command::db::run(command),
        Command::Journal(command) => command::journal::run(command),
        Command::Receipt(command) => command::receipt::run(command),
        Command::Statetest(args) => command::conformance::state_tests(&args),
        Command::Blocktest(args) => command::conformance::block_tests(&args),
        Command::Witnesstest(args) => command::conformance::witness_tests(&args),
    }
}

/// Parses twice: first to learn the configuration file, then with the file's values as defaults.
fn parse() -> eyre::Result<(Cli, ConfigFile, clap::ArgMatches)> {
    let matches = Cli::command().get_matches();
    let first = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let Some(args) = node_args(&first.command) else {
        return Ok((first, ConfigFile::default(), matches));
    };
    let path = subcommand_path(&first.command);
    config::check_environment(command_at(&Cli::command(), path))?;
    let Some(file_path) = &args.config else {
        return Ok((first, ConfigFile::default(), matches));
    };
    let file = ConfigFile::read(file_path, command_at(&Cli::command(), path))?;
    let with_defaults = apply_at(Cli::command(), path, &file);
    let matches = with_defaults.try_get_matches().unwrap_or_else(|error| error.exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Ok((cli, file, matches))
}

const fn node_args(command: &Command) -> Option<&NodeArgs> {
    match command {
        Command::Dev(args) | Command::Node(args) | Command::Config(ConfigCommand::Print(args)) => {
            Some(args)
        }
        Command::Demo(args) => Some(&args.node),
        _ => None,
    }
}

const fn subcommand_path(command: &Command) -> &'static [&'static str] {
    match command {
        Command::Dev(_) => &["dev"],
        Command::Demo(_) => &["demo"],
        Command::Config(_) => &["config", "print"],
        _ => &["node"],
    }
}

fn command_at<'a>(command: &'a clap::Command, path: &[&str]) -> &'a clap::Command {
    path.iter().fold(command, |command, name| {
        command.find_subcommand(name).expect("the path names a subcommand that exists")
    })
}

fn apply_at(command: clap::Command, path: &[&str], file: &ConfigFile) -> clap::Command {
    match path {
        [] => file.apply(command),
        [name, rest @ ..] => command.mut_subcommand(*name, |inner| apply_at(inner, rest, file)),
    }
}
