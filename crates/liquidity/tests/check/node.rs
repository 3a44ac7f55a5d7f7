//! Reads and writes of a development node.

use alloy_primitives::{Address, Bytes, address, hex};
use alloy_sol_types::SolValue;
use serde_json::{Value, json};
use weir_follower::ChainClient;
use weir_liquidity::BlockSource;
use weir_primitives::{BlockRef, ExecutedBlock, StateError};
use weir_testkit::Peers;

/// The first account of the test mnemonic, which anvil signs for.
pub(crate) const USER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

pub(crate) struct Node {
    pub(crate) client: ChainClient,
    pub(crate) peers: Peers,
}

impl Node {
    pub(crate) async fn send(&self, to: Option<Address>, data: impl Into<Bytes>) -> Value {
        let data: Bytes = data.into();
        let mut request = json!({"from": USER, "data": data, "gas": "0x1c9c380"});
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let hash = self.client.read_json("eth_sendTransaction", json!([request])).await.unwrap();
        // Mining on request is done when the answer comes; mining by itself is not.
        self.client.read_json("evm_mine", json!([])).await.unwrap();
        let receipt =
            self.client.read_json("eth_getTransactionReceipt", json!([hash])).await.unwrap();
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    pub(crate) async fn deploy(&self, artifact: &str, arguments: &[u8]) -> Address {
        let text = std::fs::read_to_string(self.peers.root().join(artifact)).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let code =
            json["bytecode"].as_str().or_else(|| json["bytecode"]["object"].as_str()).unwrap();
        let mut code = hex::decode(code).unwrap();
        code.extend(arguments);
        serde_json::from_value(self.send(None, code).await["contractAddress"].clone()).unwrap()
    }

    pub(crate) async fn address(&self, to: Address, data: Vec<u8>) -> Address {
        let head = self.client.head().await.unwrap();
        let answer = self.client.call(to, data.into(), head.hash).await.unwrap();
        Address::abi_decode(&answer).unwrap()
    }

    pub(crate) async fn blocks(&self) -> Blocks {
        let head = self.client.head().await.unwrap();
        let mut blocks = Vec::new();
        for number in 0..=head.number {
            let block = self.client.sealed_block_by_number(number).await.unwrap().unwrap();
            blocks.push(self.client.executed_block(block.hash()).await.unwrap());
        }
        Blocks(blocks)
    }
}

/// All blocks of the node.
pub(crate) struct Blocks(pub(crate) Vec<ExecutedBlock>);

impl BlockSource for Blocks {
    fn tip(&self) -> Result<BlockRef, StateError> {
        Ok(self.0.last().unwrap().reference())
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        Ok(self.0.get(number as usize).cloned())
    }
}
