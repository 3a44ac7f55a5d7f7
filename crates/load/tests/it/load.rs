//! Exact counts of short runs.

use std::{path::Path, time::Duration};

use tokio_util::sync::CancellationToken;
use weir_load::{LoadConfig, LoadError, LoadReport, Scenario, Wallet, deploy, run_load};

use crate::anvil::{packages, start};

fn config(url: &str, scenario: Scenario) -> LoadConfig {
    LoadConfig {
        accounts: 20,
        connections: 4,
        artifacts: packages(),
        progress: false,
        ..LoadConfig::new(url.to_owned(), scenario)
    }
}

fn at_rate(url: &str, scenario: Scenario) -> LoadConfig {
    let rate = "100".parse().expect("a rate");
    LoadConfig { rate, duration: Duration::from_secs(1), ..config(url, scenario) }
}

async fn run(config: LoadConfig) -> LoadReport {
    run_load(config, CancellationToken::new()).await.expect("the run ends with a report")
}

fn check_exact(report: &LoadReport, count: u64) {
    assert_eq!(report.submitted, count, "{report}");
    assert_eq!(report.accepted, count, "{report}");
    assert_eq!(report.included, count, "{report}");
    assert_eq!((report.not_included, report.reverted), (0, 0), "{report}");
    assert_eq!(report.receipts_checked, count, "{report}");
    assert!(report.rejected.is_empty(), "{report}");
    assert!(report.inclusion_latency_us.max > 0 && report.submit_latency_us.p50 > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_loop_sends_exactly_what_is_due_in_every_scenario() {
    let Some(anvil) = start(&[]) else { return };
    for (scenario, _) in Scenario::ALL {
        let report = run(at_rate(&anvil.url, scenario)).await;
        check_exact(&report, 100);
        assert_eq!((report.signed_ahead, report.signed_during_run), (100, 0));
        assert!(900 <= report.sending_ms, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_run_goes_on_with_the_same_accounts_and_contracts() {
    let Some(anvil) = start(&[]) else { return };
    let first = deploy(&anvil.url, &Wallet::test_account(), &packages()).await.expect("deploys");
    for _ in 0..2 {
        check_exact(&run(at_rate(&anvil.url, Scenario::V3Swaps)).await, 100);
    }
    let again = deploy(&anvil.url, &Wallet::test_account(), &packages()).await.expect("finds");
    assert_eq!(first, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_loop_keeps_within_its_window_and_loses_nothing() {
    let Some(anvil) = start(&["--block-time", "1"]) else { return };
    let config = LoadConfig {
        duration: Duration::from_secs(2),
        pending_max: 160,
        sign_ahead: 100,
        ..config(&anvil.url, Scenario::Transfers)
    };
    let report = run(config).await;
    assert_eq!(report.included, report.accepted, "{report}");
    assert_eq!(report.submitted, report.accepted, "{report}");
    // 20 accounts with 8 waiting each fill two or three blocks in two seconds.
    assert!((160..=640).contains(&report.included), "{report}");
    assert_eq!(report.signed_ahead, 100);
    assert!(report.signed_during_run > 0, "{report}");
    let json = serde_json::to_value(&report).expect("serialises");
    assert_eq!(
        (json["scenario"].as_str(), json["rate"].as_str()),
        (Some("transfers"), Some("max"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_accounts_are_funded_in_few_transactions() {
    let Some(anvil) = start(&["--block-time", "1"]) else { return };
    let rate = "900".parse().expect("a rate");
    let config = LoadConfig {
        accounts: 900,
        rate,
        duration: Duration::from_secs(1),
        ..config(&anvil.url, Scenario::Transfers)
    };
    let report = run(config).await;
    check_exact(&report, 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_a_run_early_with_a_report() {
    let Some(anvil) = start(&[]) else { return };
    let stop = CancellationToken::new();
    let config = LoadConfig {
        rate: "100".parse().expect("a rate"),
        duration: Duration::from_secs(600),
        ..config(&anvil.url, Scenario::Transfers)
    };
    let running = tokio::spawn(run_load(config, stop.clone()));
    // Stopped when the chain shows that the run is under way: more transactions than funding needs.
    while nonce_of_head(&anvil.url).await < 30 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let report = running.await.expect("no panic").expect("a report");
    assert!(0 < report.accepted && report.accepted < 60_000, "{report}");
    assert_eq!(report.included, report.accepted, "{report}");
}

async fn nonce_of_head(url: &str) -> u64 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = url.strip_prefix("http://").expect("http");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    let head = answer.split("0x").nth(1).expect("a result");
    let digits: String = head.chars().take_while(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(&digits, 16).expect("hex")
}

#[tokio::test]
async fn bad_input_is_told_apart() {
    let error =
        |config| async { run_load(config, CancellationToken::new()).await.expect_err("fails") };
    let url = "http://127.0.0.1:1";
    assert!(matches!(error(config(url, Scenario::Transfers)).await, LoadError::Connect { .. }));
    let config_https = config("https://127.0.0.1:1", Scenario::Transfers);
    assert!(matches!(error(config_https).await, LoadError::InvalidUrl { .. }));
    let none = LoadConfig { accounts: 0, ..config(url, Scenario::Transfers) };
    assert!(matches!(error(none).await, LoadError::InvalidSetting { setting: "accounts", .. }));

    let Some(anvil) = start(&[]) else { return };
    let nowhere = LoadConfig {
        artifacts: Path::new("no-such-folder").to_owned(),
        ..config(&anvil.url, Scenario::Erc20)
    };
    assert!(matches!(error(nowhere).await, LoadError::ArtifactUnreadable { .. }));
    let poor = LoadConfig {
        key: Wallet::test_account().derive("nobody funded this", 0),
        ..config(&anvil.url, Scenario::Transfers)
    };
    assert!(matches!(error(poor).await, LoadError::InsufficientFunds { .. }));
}

#[tokio::test]
async fn bytecode_that_is_not_mainnets_is_refused() {
    let Some(anvil) = start(&[]) else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let package = "node_modules/@uniswap/v2-core/build";
    std::fs::create_dir_all(dir.path().join(package)).expect("creates");
    for name in ["UniswapV2Factory.json", "UniswapV2Pair.json"] {
        let text = std::fs::read_to_string(packages().join(package).join(name)).expect("reads");
        // One byte of the code: SafeMath's message.
        let changed = text.replace("64732d6d6174682d", "64732d6d6174682e");
        assert_ne!(text, changed);
        std::fs::write(dir.path().join(package).join(name), changed).expect("writes");
    }
    let error = deploy(&anvil.url, &Wallet::test_account(), dir.path()).await.expect_err("fails");
    assert!(
        matches!(error, LoadError::InitCodeMismatch { contract: "UniswapV2Pair", .. }),
        "{error}"
    );
}
