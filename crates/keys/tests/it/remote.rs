//! A remote signer over real sockets, and everything it may do wrong.

use alloy_primitives::{Address, address, keccak256};
use std::{net::TcpListener, time::Duration};
use weir_keys::{KeyError, KeySource, RemoteOptions, RemoteSigner, Signer};
use weir_testkit::{RemoteSignerServer, SignerManner};

const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const DATA: &[u8] = b"what is signed";

fn options() -> RemoteOptions {
    RemoteOptions { pause: Duration::from_millis(1), ..RemoteOptions::default() }
}

fn signer(server: &RemoteSignerServer) -> RemoteSigner {
    RemoteSigner::new(&server.url(), ADDRESS, options())
}

async fn error(server: &RemoteSignerServer, manner: SignerManner) -> KeyError {
    server.behave(manner);
    signer(server).sign(DATA).await.unwrap_err()
}

#[tokio::test]
async fn a_remote_signer_signs_as_a_key_of_ours_would() {
    let server = RemoteSignerServer::start(KEY);
    let source: KeySource = server.setting().parse().unwrap();
    let remote = Signer::open(&source, None).unwrap();
    remote.check().await.unwrap();
    let signature = remote.sign(DATA).await.unwrap();
    assert_eq!(signature.recover_address_from_prehash(&keccak256(DATA)).unwrap(), ADDRESS);
    let local = weir_keys::LocalKey::from_bytes(&keccak256(b"another").0).unwrap();
    assert_ne!(local.sign(DATA), signature);
    // Asked for its keys once, then only to sign.
    let requests = server.requests();
    let lists = requests.iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!((lists, requests.len()), (1, 3), "{requests:?}");
}

#[tokio::test]
async fn a_signer_that_lists_no_keys_is_asked_by_address() {
    let server = RemoteSignerServer::start(KEY);
    server.behave(SignerManner::ByAddress);
    signer(&server).sign(DATA).await.unwrap();
    let path = "POST /api/v1/eth1/sign/0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    assert_eq!(server.requests().last().unwrap(), path);
}

#[tokio::test]
async fn a_signature_of_another_key_is_not_believed() {
    let server = RemoteSignerServer::start(KEY);
    let error = error(&server, SignerManner::SignsWithAnotherKey).await;
    assert!(matches!(error, KeyError::WrongKey { address: ADDRESS, .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_key_that_the_signer_does_not_hold_is_named() {
    let server = RemoteSignerServer::start(KEY);
    let other = Address::repeat_byte(0x11);
    let listed = RemoteSigner::new(&server.url(), other, options()).sign(DATA).await.unwrap_err();
    assert!(matches!(&listed, KeyError::Unknown { address, .. } if *address == other), "{listed}");
    server.behave(SignerManner::ByAddress);
    let asked = RemoteSigner::new(&server.url(), other, options()).sign(DATA).await.unwrap_err();
    assert!(matches!(&asked, KeyError::Unknown { address, .. } if *address == other), "{asked}");
}

#[tokio::test]
async fn a_signer_that_does_not_answer_is_left_after_the_time_and_not_asked_again() {
    let server = RemoteSignerServer::start(KEY);
    server.behave(SignerManner::Silent);
    let options = RemoteOptions { timeout: Duration::from_millis(50), ..options() };
    let signer = RemoteSigner::new(&server.url(), ADDRESS, options);
    let error = signer.sign(DATA).await.unwrap_err();
    assert!(matches!(error, KeyError::Timeout { timeout_ms: 50, .. }), "{error}");
    assert!(error.is_transient());
    let asked = server.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_busy_signer_is_asked_again_a_bounded_number_of_times() {
    let server = RemoteSignerServer::start(KEY);
    server.behave(SignerManner::Fails { status: 503, times: 2 });
    signer(&server).sign(DATA).await.unwrap();
    let error = error(&server, SignerManner::Fails { status: 503, times: 3 }).await;
    assert!(matches!(error, KeyError::Refused { status: 503, .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let server = RemoteSignerServer::start(KEY);
    for (status, times) in [(400, 1), (403, 1)] {
        let error = error(&server, SignerManner::Fails { status, times }).await;
        assert!(matches!(error, KeyError::Refused { status: said, .. } if said == status));
        assert!(!error.is_transient());
    }
    // The signer has forgotten the key since it listed it.
    let error = error(&server, SignerManner::Fails { status: 404, times: 1 }).await;
    assert!(matches!(error, KeyError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_apart() {
    let server = RemoteSignerServer::start(KEY);
    let zeros = |v: &str| format!("0x{}{v}", "00".repeat(64));
    for (text, why) in [
        (String::new(), "65 bytes"),
        ("0x".to_owned(), "65 bytes"),
        ("<html>".to_owned(), "65 bytes"),
        ("0x00112233".to_owned(), "65 bytes"),
        (zeros("1b"), "no key gives"),
        (zeros("07"), "v is not valid"),
    ] {
        let error = error(&server, SignerManner::Says(text.clone())).await;
        assert!(matches!(error, KeyError::Answer { .. }), "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_signer_that_is_away_is_tried_as_often_as_the_options_say() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = RemoteSigner::new(&url, ADDRESS, options()).sign(DATA).await.unwrap_err();
    assert!(matches!(error, KeyError::Unreachable { attempts: 3, .. }), "{error}");
    assert!(error.is_transient());
}

#[test]
fn debug_shows_where_the_key_is() {
    let signer = RemoteSigner::new("http://signer:9000/", ADDRESS, options());
    let address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
    let expected = format!("RemoteSigner {{ url: \"http://signer:9000\", address: {address} }}");
    assert_eq!(format!("{signer:?}"), expected);
}
