//! A real node.

use alloy_consensus::Transaction as _;
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, U256, address, bytes};
use alloy_rpc_types_eth::Filter;
use std::sync::Arc;
use weir_follower::{
    CallOutcome, CallRequest, ChainClient, ClientError, InclusionConfig, InclusionState,
    InclusionTracker, L1Transaction, NextAction, Observation, SendOutcome, SignedTransaction,
    TransactionSender,
};
use weir_keys::{LocalKey, Signer};
use weir_primitives::Severity;
use weir_testkit::{Child, Peers};

/// The first key of the test mnemonic, which anvil funds.
const KEY: [u8; 32] =
    alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const INBOX: Address = address!("0xff0000000000000000000000000000000000f214");
/// Stores 7 in slot 1 and 9 in slot 2 and logs a topic, then returns code that gives back its first word, or reverts with
/// the word if it has none.
const INIT_CODE: Bytes = bytes!(
    "600760015560096002557f11111111111111111111111111111111111111111111111111111111111111115f5fa160128060375f395ff3361561000e575f355f5260205ff35b5f5ffd"
);

struct Node {
    _child: Child,
    url: String,
    sender: TransactionSender,
}

async fn node(arguments: &[&str]) -> Option<Node> {
    let (child, url) = Peers::find()?.anvil(arguments);
    let client = ChainClient::connect(&url).await.unwrap();
    let signer = Arc::new(Signer::from(LocalKey::from_bytes(&KEY).unwrap()));
    let sender = TransactionSender::new(client, signer).await.unwrap();
    Some(Node { _child: child, url, sender })
}

impl Node {
    fn client(&self) -> &ChainClient {
        self.sender.client()
    }

    async fn rpc(&self, method: &'static str, params: serde_json::Value) -> serde_json::Value {
        let client = alloy_rpc_client::ClientBuilder::default().connect(&self.url).await.unwrap();
        client.request(method, params).await.unwrap()
    }

    async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", serde_json::json!([format!("{blocks:#x}")])).await;
    }

    async fn observe(&self, attempts: &[B256], now_ms: u64) -> Observation {
        let position = self.sender.position().await.unwrap();
        self.sender.observe(position, attempts, now_ms).await.unwrap()
    }

    async fn sign(&self, nonce: u64, input: &'static [u8]) -> SignedTransaction {
        let request = L1Transaction {
            nonce,
            to: INBOX,
            value: U256::ZERO,
            input: Bytes::from_static(input),
            gas_limit: 100_000,
        };
        let fees = self.client().fees().await.unwrap();
        self.sender.sign(&request, fees).await.unwrap()
    }

    /// Deploys [`INIT_CODE`] with the node's own key and returns the address and the block.
    async fn deploy(&self) -> (Address, B256) {
        let request = serde_json::json!([{"from": self.sender.address(), "data": INIT_CODE}]);
        let hash = self.rpc("eth_sendTransaction", request).await;
        self.mine(1).await;
        let hash: B256 = serde_json::from_value(hash).unwrap();
        let receipt = self.rpc("eth_getTransactionReceipt", serde_json::json!([hash])).await;
        let address = serde_json::from_value(receipt["contractAddress"].clone()).unwrap();
        (address, serde_json::from_value(receipt["blockHash"].clone()).unwrap())
    }
}

#[tokio::test]
async fn blocks_and_receipts_are_read_and_hash_to_what_they_claim() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let client = node.client();
    assert_eq!(client.chain_id().await.unwrap(), 31_337);
    let genesis = client.head().await.unwrap();
    assert_eq!(genesis.number, 0);
    for nonce in 0..3 {
        let signed = node.sign(nonce, b"payload").await;
        assert_eq!(node.sender.send(&signed).await.unwrap(), SendOutcome::Accepted);
    }
    node.mine(1).await;
    let head = client.head().await.unwrap();
    assert!(head.is_child_of(&genesis));

    let block = client.block_by_number(1).await.unwrap().expect("block 1 exists");
    assert_eq!(block.reference(), head);
    assert_eq!(block.senders(), [node.sender.address(); 3]);
    assert!(block.transactions().iter().all(|tx| tx.to() == Some(INBOX)));
    assert_eq!(client.block_by_hash(head.hash).await.unwrap(), Some(block.clone()));
    let sealed = client.sealed_block_by_number(1).await.unwrap().expect("block 1 exists");
    assert_eq!((sealed.hash(), sealed.inner()), (head.hash, block.block()));

    let executed = client.executed_block(head.hash).await.unwrap();
    assert_eq!(executed.reference(), head);
    assert_eq!(executed.receipts.len(), 3);
    assert!(executed.receipts.iter().all(|receipt| receipt.success));

    assert_eq!(client.block_by_number(2).await.unwrap(), None);
    let unknown = B256::repeat_byte(9);
    assert_eq!(client.block_by_hash(unknown).await.unwrap(), None);
    let error = client.executed_block(unknown).await.unwrap_err();
    assert!(matches!(error, ClientError::UnknownBlock { hash } if hash == unknown));
    assert_eq!(error.severity(), Severity::Reset);
}

#[tokio::test]
async fn state_is_read_at_one_block_hash() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let client = node.client();
    let (contract, at) = node.deploy().await;
    node.mine(3).await;
    let word = B256::repeat_byte(5);
    let echo = client.call(contract, word.into(), at).await.unwrap();
    assert_eq!(echo, Bytes::from(word));
    let error = client.call(contract, Bytes::new(), at).await.unwrap_err();
    assert!(error.refused().is_some(), "{error}");
    assert_eq!(client.storage_at(contract, U256::from(1), at).await.unwrap(), U256::from(7));
    assert_eq!(client.code(contract, at).await.unwrap().len(), 18);
    let genesis = client.reference(BlockNumberOrTag::Earliest).await.unwrap().unwrap();
    assert!(client.code(contract, genesis.hash).await.unwrap().is_empty(), "not there yet");
    let balance = client.balance(node.sender.address(), genesis.hash).await.unwrap();
    assert_eq!(balance, alloy_primitives::utils::parse_ether("10000").unwrap());

    let filter = Filter::new().address(contract).at_block_hash(at);
    let logs = client.logs(&filter).await.unwrap();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].topics(), [B256::repeat_byte(0x11)]);
}

#[tokio::test]
async fn many_calls_keep_their_order_and_reverts_stay_with_their_call() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let (contract, at) = node.deploy().await;
    // More than two batches, and every seventh call reverts.
    let words: Vec<_> = (0..250u64).map(|index| B256::from(U256::from(index))).collect();
    let data = |index: usize| match index % 7 {
        0 => Bytes::new(),
        _ => Bytes::from(words[index]),
    };
    let calls: Vec<_> =
        (0..words.len()).map(|index| CallRequest { to: contract, data: data(index) }).collect();
    let outcomes = node.client().call_many(&calls, at).await.unwrap();
    assert_eq!(outcomes.len(), calls.len());
    for (index, outcome) in outcomes.iter().enumerate() {
        match index % 7 {
            0 => assert!(matches!(outcome, CallOutcome::Reverted(_)), "{index}: {outcome:?}"),
            _ => assert_eq!(outcome.returned(), Some(&Bytes::from(words[index]))),
        }
    }
    let slots: Vec<_> = (0..150u64).map(|slot| (contract, U256::from(slot))).collect();
    let values = node.client().storage_many(&slots, at).await.unwrap();
    assert_eq!(values[..4], [0, 7, 9, 0].map(U256::from));
    let error = node.client().call_many(&calls[1..2], B256::repeat_byte(9)).await.unwrap_err();
    assert_eq!(error.severity(), Severity::Reset, "{error}: an unknown block is not a revert");
}

#[tokio::test]
async fn the_same_reads_work_over_a_websocket() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let (contract, at) = node.deploy().await;
    let url = node.url.replace("http://", "ws://");
    let client = ChainClient::connect(&url).await.unwrap();
    assert_eq!(client.head().await.unwrap().hash, at);
    let calls = vec![CallRequest { to: contract, data: B256::repeat_byte(3).into() }; 3];
    let outcomes = client.call_many(&calls, at).await.unwrap();
    assert_eq!(outcomes, vec![CallOutcome::Returned(B256::repeat_byte(3).into()); 3]);
}

#[tokio::test]
async fn sending_twice_is_recognised_in_the_pool_and_in_a_block() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let signed = node.sign(0, b"payload").await;
    assert_eq!(node.sender.send(&signed).await.unwrap(), SendOutcome::Accepted);
    assert_eq!(node.sender.send(&signed).await.unwrap(), SendOutcome::AlreadyKnown);
    node.mine(1).await;
    let again = node.sender.send(&signed).await.unwrap();
    assert!(matches!(again, SendOutcome::NonceTooLow | SendOutcome::AlreadyKnown), "{again:?}");
    assert_eq!(node.sender.next_nonce().await.unwrap(), 1);
    let inclusion = node.client().inclusion(signed.hash).await.unwrap().expect("it is in block 1");
    assert_eq!((inclusion.block_number, inclusion.is_success), (1, true));
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_with_bumped_fees_and_only_one_is_included() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let fees = node.client().fees().await.unwrap();
    let request = L1Transaction {
        nonce: 0,
        to: INBOX,
        value: U256::ZERO,
        input: Bytes::from_static(b"payload"),
        gas_limit: 100_000,
    };
    let first = node.sender.sign(&request, fees).await.unwrap();
    assert_eq!(node.sender.send(&first).await.unwrap(), SendOutcome::Accepted);
    let config = InclusionConfig { confirmations: 2, deadline_ms: 1_000, resend_ms: 100 };
    let mut tracker = InclusionTracker::new(config, 0, 0);
    let seen = node.observe(&[first.hash], 999).await;
    assert_eq!(tracker.observe(seen), NextAction::Wait);
    // The base fee leaves the offer behind: a block comes and goes without the transaction.
    let base_fee = format!("{:#x}", fees.max_fee_per_gas + 1);
    node.rpc("anvil_setNextBlockBaseFeePerGas", serde_json::json!([base_fee])).await;
    node.mine(1).await;
    let seen = node.observe(&[first.hash], 1_000).await;
    assert_eq!(tracker.observe(seen), NextAction::Bump);

    let raised = fees.bumped().max(node.client().fees().await.unwrap());
    let second = node.sender.sign(&request, raised).await.unwrap();
    assert_eq!(node.sender.send(&second).await.unwrap(), SendOutcome::Accepted);
    tracker.note_bumped(1_000);
    node.mine(1).await;
    let attempts = [first.hash, second.hash];
    let seen = node.observe(&attempts, 1_001).await;
    assert_eq!(tracker.observe(seen), NextAction::Wait, "one confirmation of two");
    assert!(matches!(tracker.state(), InclusionState::Included { inclusion, confirmations: 1 }
        if inclusion.transaction_hash == second.hash));
    node.mine(1).await;
    let seen = node.observe(&attempts, 1_002).await;
    assert_eq!(tracker.observe(seen), NextAction::Done);
    assert_eq!(node.client().inclusion(first.hash).await.unwrap(), None);
}

#[tokio::test]
async fn a_reorg_is_seen_as_pending_or_dropped_again() {
    let Some(node) = node(&["--no-mining"]).await else { return };
    let signed = node.sign(0, b"payload").await;
    assert_eq!(node.sender.send(&signed).await.unwrap(), SendOutcome::Accepted);
    node.mine(1).await;
    let config = InclusionConfig { confirmations: 5, deadline_ms: 60_000, resend_ms: 0 };
    let mut tracker = InclusionTracker::new(config, 0, 0);
    let seen = node.observe(&[signed.hash], 1).await;
    assert_eq!(tracker.observe(seen), NextAction::Wait);
    node.rpc("anvil_rollback", serde_json::json!([1])).await;
    let seen = node.observe(&[signed.hash], 2).await;
    assert_eq!(seen.inclusion, None);
    let action = tracker.observe(seen);
    let is_out = matches!(tracker.state(), InclusionState::Pending | InclusionState::Dropped);
    assert!(is_out, "{:?}", tracker.state());
    if action == NextAction::Resend {
        assert_eq!(node.sender.send(&signed).await.unwrap(), SendOutcome::Accepted);
    }
    node.mine(1).await;
    let seen = node.observe(&[signed.hash], 3).await;
    assert!(seen.inclusion.is_some(), "the same bytes are included again");
}
