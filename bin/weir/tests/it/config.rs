//! Settings: every source reaches them, the nearer one wins, and what is wrong is named.

use crate::node::weir;
use std::{fs, process::Output};
use tempfile::TempDir;

fn print_config(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = weir();
    command.args(["config", "print"]).args(arguments).envs(environment.iter().copied());
    command.output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).expect("the output is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the output is text")
}

fn file(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let path = folder.path().join("weir.toml");
    fs::write(&path, text).expect("the file can be written");
    let path = path.to_str().expect("the path is text").to_owned();
    (folder, path)
}

#[test]
fn each_setting_shows_its_value_and_origin() {
    let (_folder, path) = file("http-port = 1001\nblock-time = \"3s\"\nephemeral = true\n");
    let environment = [("WEIR_BLOCK_TIME", "4s"), ("WEIR_SEED", "7")];
    let printed = stdout(&print_config(&["--config", &path, "--seed", "8"], &environment));
    for line in [
        "http-port = 1001 # file",
        "ephemeral = true # file",
        "block-time = \"4s\" # environment",
        "seed = 8 # flag",
        "http-addr = \"127.0.0.1\" # default",
        "# genesis is not set # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
}

#[test]
fn what_is_printed_is_a_configuration_file() {
    let printed = stdout(&print_config(&["--http-port", "1234"], &[]));
    let (_folder, path) = file(&printed);
    let again = stdout(&print_config(&["--config", &path], &[]));
    assert!(again.contains("http-port = 1234 # file"), "{again}");
}

#[test]
fn unknown_keys_are_named() {
    let (_folder, path) = file("http-prot = 1\n");
    let output = print_config(&["--config", &path], &[]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("unknown key: http-prot"), "{}", stderr(&output));

    let output = print_config(&[], &[("WEIR_HTTP_PROT", "1")]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("WEIR_HTTP_PROT"), "{}", stderr(&output));

    let output = print_config(&["--http-prot", "1"], &[]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("--http-prot"), "{}", stderr(&output));
}

/// `make crash` sets one, and the nodes of that test inherit it.
#[test]
fn variables_of_tests_are_no_settings_and_harm_none() {
    for name in ["WEIR_CRASH_ROUNDS", "WEIR_FIXTURES", "WEIR_NPM"] {
        let output = print_config(&[], &[(name, "1")]);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
}

#[test]
fn values_out_of_range_are_named() {
    for (arguments, expected) in [
        (["--block-time", "1500ms"], "whole seconds"),
        (["--http-port", "70000"], "70000"),
        (["--durability", "sometimes"], "sometimes"),
        (["--step-time", "0s"], "at least 1ms"),
    ] {
        let output = print_config(&arguments, &[]);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn an_l1_without_a_key_is_refused_and_a_key_from_the_file_is_found() {
    let arguments = ["dev", "--ephemeral", "--http-port", "0", "--l1", "http://127.0.0.1:1"];
    let output = weir().args(arguments).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--l1-key"), "{}", stderr(&output));

    let (_folder, path) = file("l1-key = \"some.key\"\n");
    let printed = stdout(&print_config(&["--config", &path, "--l1", "http://127.0.0.1:1"], &[]));
    assert!(printed.contains("l1-key = \"some.key\" # file"), "{printed}");
}

#[test]
fn a_genesis_with_an_unknown_fork_is_refused_by_name() {
    let (_folder, path) = file(r#"{"config":{"chainId":5,"rainyTime":9},"alloc":{}}"#);
    let output = weir().args(["dev", "--ephemeral", "--genesis", &path]).output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("rainyTime"), "{}", stderr(&output));
}
