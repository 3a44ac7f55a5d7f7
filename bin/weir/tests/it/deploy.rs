//! What `deploy/` starts, watches and stops is what the program understands.

use crate::node::{Client, PATIENCE, weir};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use weir_testkit::Child;

fn deployed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What follows `key` in the one line that begins with it.
fn line<'a>(text: &'a str, key: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix(key));
    let found = lines.next().unwrap_or_else(|| panic!("no line begins with {key}"));
    assert!(lines.next().is_none(), "one line begins with {key}");
    found
}

/// A list of strings as a Dockerfile has it.
fn strings(text: &str) -> Vec<String> {
    let start = text.find('[').expect("a list");
    serde_json::from_str(&text[start..]).expect("a list of strings")
}

/// The arguments with each of these in another's place, every one of which is there.
fn replaced(arguments: Vec<String>, by: &[(&str, &str)]) -> Vec<String> {
    for (old, _) in by {
        assert!(arguments.iter().any(|argument| argument == old), "{old} is not there");
    }
    let replace = |argument: String| {
        let new = by.iter().find(|(old, _)| *old == argument).map(|(_, new)| (*new).to_owned());
        new.unwrap_or(argument)
    };
    arguments.into_iter().map(replace).collect()
}

/// Starts the program with these arguments, asks for its health as the Dockerfile does, and stops it.
async fn serve_and_stop(command: &mut Command) {
    let child = Child::start(command.arg("--print-ready").env("WEIR_HTTP_PORT", "0"));
    let line = child.line_with("\"http\"", PATIENCE);
    let ready: Value = serde_json::from_str(&line).expect("one line of JSON");
    let http = ready["http"].as_str().expect("an address");
    Client::at(http).next_block().await;
    let dockerfile = deployed("Dockerfile");
    let probe =
        strings(self::line(&dockerfile, "HEALTHCHECK").split_once("CMD").expect("a command").1);
    let probe = replaced(probe, &[("http://127.0.0.1:8545", http)]);
    let healthy = weir().args(&probe[1..]).output().expect("the program runs");
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stdout));
    child.signal(self::line(&dockerfile, "STOPSIGNAL SIG"));
    assert!(child.wait().success(), "a stop that was asked for is no failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_starts_a_node_that_serves_and_stops() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (config, datadir) = (folder.path().join("weir.toml"), folder.path().join("data"));
    fs::write(&config, "").expect("the file is written");
    let text = |path: &PathBuf| path.to_str().expect("the path is text").to_owned();
    let unit = deployed("weir.service");
    let command = line(&unit, "ExecStart=").split_whitespace().map(str::to_owned).collect();
    let (config, datadir) = (text(&config), text(&datadir));
    let by = [("/etc/weir/weir.toml", &*config), ("/var/lib/weir", &*datadir)];
    let command = replaced(command, &by);
    assert_eq!(command[0], "/usr/local/bin/weir");
    assert_eq!(line(&unit, "KillSignal="), "SIGTERM");
    serve_and_stop(weir().args(&command[1..]).env("WEIR_METRICS_PORT", "0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_starts_a_node_that_serves_and_stops() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let datadir = folder.path().to_str().expect("the path is text");
    let dockerfile = deployed("Dockerfile");
    assert_eq!(strings(line(&dockerfile, "ENTRYPOINT")), ["weir"]);
    let command = strings(dockerfile.lines().last().expect("the command is the last line"));
    let by = [("/data/chain", datadir), ("0.0.0.0", "127.0.0.1"), ("9090", "0")];
    serve_and_stop(weir().args(replaced(command, &by))).await;
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is absent");
        return;
    }
    let folder = TempDir::new().expect("a temporary folder can be made");
    let unit = folder.path().join("weir.service");
    let text = deployed("weir.service").replace("/usr/local/bin/weir", env!("CARGO_BIN_EXE_weir"));
    fs::write(&unit, text).expect("the file is written");
    let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output();
    let output = output.expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.is_empty(), "{words}");
}
