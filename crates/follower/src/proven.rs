//! Receipts of any chain, and the root that proves them.

use alloy_consensus::{
    Eip658Value, Receipt, ReceiptWithBloom, RlpEncodableReceipt,
    proofs::ordered_trie_root_with_encoder,
};
use alloy_primitives::{B256, Bloom, Log, U64};
use alloy_rlp::{BufMut, Encodable, Header};
use serde::Deserialize;

/// Highest type of Ethereum's transactions (EIP-7702).
const TYPE_MAX: u8 = 4;
/// Type of a deposit transaction of the OP stack.
const TYPE_DEPOSIT: u8 = 0x7e;

/// A receipt as nodes send it, of whatever type.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireReceipt {
    #[serde(default, rename = "type")]
    kind: U64,
    pub(crate) transaction_hash: B256,
    pub(crate) block_hash: Option<B256>,
    status: Option<U64>,
    /// State root after the transaction, before Byzantium (EIP-658).
    root: Option<B256>,
    cumulative_gas_used: U64,
    logs_bloom: Option<Bloom>,
    logs: Vec<Log>,
    deposit_nonce: Option<U64>,
    deposit_receipt_version: Option<U64>,
}

/// A receipt of a type whose consensus encoding is known.
struct Encodable2718 {
    kind: u8,
    receipt: ReceiptWithBloom<Receipt>,
    /// Nonce and version of a deposit. Before Canyon receipts had a nonce and no version, and their root covered neither
    /// (<https://specs.optimism.io/protocol/canyon/overview.html>).
    deposit: Option<(u64, u64)>,
}

impl WireReceipt {
    /// The logs in order.
    pub(crate) fn logs(&self) -> &[Log] {
        &self.logs
    }

    pub(crate) fn into_logs(self) -> Vec<Log> {
        self.logs
    }

    fn encodable(&self) -> Option<Encodable2718> {
        let kind = u8::try_from(self.kind).ok()?;
        if kind > TYPE_MAX && kind != TYPE_DEPOSIT {
            return None;
        }
        let status = match (self.status, self.root) {
            (Some(status), _) => Eip658Value::Eip658(!status.is_zero()),
            (None, Some(root)) => Eip658Value::PostState(root),
            (None, None) => return None,
        };
        let cumulative_gas_used = self.cumulative_gas_used.to();
        let receipt = Receipt { status, cumulative_gas_used, logs: self.logs.clone() };
        // The root covers the bloom, so the node's own saves the hashing of every topic.
        let bloom = self.logs_bloom.unwrap_or_else(|| receipt.bloom_slow());
        let deposit = match (kind, self.deposit_receipt_version) {
            (TYPE_DEPOSIT, Some(version)) => Some((self.deposit_nonce?.to(), version.to())),
            _ => None,
        };
        Some(Encodable2718 { kind, receipt: ReceiptWithBloom::new(receipt, bloom), deposit })
    }
}

impl Encodable2718 {
    fn encode(&self, out: &mut dyn BufMut) {
        if self.kind != 0 {
            out.put_u8(self.kind);
        }
        let ReceiptWithBloom { receipt, logs_bloom } = &self.receipt;
        let Some((nonce, version)) = self.deposit else {
            receipt.rlp_encode_with_bloom(logs_bloom, out);
            return;
        };
        let payload_length = receipt.status.length()
            + receipt.cumulative_gas_used.length()
            + logs_bloom.length()
            + receipt.logs.length()
            + nonce.length()
            + version.length();
        Header { list: true, payload_length }.encode(out);
        receipt.status.encode(out);
        receipt.cumulative_gas_used.encode(out);
        logs_bloom.encode(out);
        receipt.logs.encode(out);
        nonce.encode(out);
        version.encode(out);
    }
}

/// The root over these receipts, or `None` if the encoding of one is unknown.
pub(crate) fn receipts_root(receipts: &[WireReceipt]) -> Option<B256> {
    let encodable: Vec<_> = receipts.iter().map(WireReceipt::encodable).collect::<Option<_>>()?;
    Some(ordered_trie_root_with_encoder(&encodable, |receipt, out| receipt.encode(out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;
    use serde_json::json;

    /// A deposit receipt without logs, of 46,913 gas, as op-geth encodes it.
    fn deposit(end: &str) -> Vec<u8> {
        // Status, gas and bloom filter, with their lengths, take 263 bytes.
        let length = 263 + end.len() / 2;
        let start = format!("7ef9{length:04x}0182b741b90100");
        hex::decode(format!("{start}{}{end}", "00".repeat(256))).unwrap()
    }

    fn encoded(nonce: serde_json::Value, version: serde_json::Value) -> Vec<u8> {
        let receipt: WireReceipt = serde_json::from_value(json!({
            "type": "0x7e",
            "transactionHash": B256::ZERO,
            "blockHash": B256::ZERO,
            "status": "0x1",
            "cumulativeGasUsed": "0xb741",
            "logs": [],
            "depositNonce": nonce,
            "depositReceiptVersion": version,
            "l1GasPrice": "0x1",
        }))
        .unwrap();
        let mut out = Vec::new();
        receipt.encodable().expect("deposits are known").encode(&mut out);
        out
    }

    #[test]
    fn deposits_have_their_nonce_and_version_under_the_root_only_since_canyon() {
        assert_eq!(encoded(json!("0x3d3bbf"), json!("0x1")), deposit("c0833d3bbf01"));
        assert_eq!(encoded(json!("0x3d3bbf"), json!(null)), deposit("c0"), "Regolith");
        assert_eq!(encoded(json!(null), json!(null)), deposit("c0"), "Bedrock");
    }

    #[test]
    fn one_receipt_of_an_unknown_type_leaves_the_root_unknown() {
        let receipt = |kind: &str| -> WireReceipt {
            serde_json::from_value(json!({
                "type": kind,
                "transactionHash": B256::ZERO,
                "status": "0x1",
                "cumulativeGasUsed": "0x5208",
                "logs": [],
            }))
            .unwrap()
        };
        assert!(receipts_root(&[receipt("0x2"), receipt("0x4")]).is_some());
        assert_eq!(receipts_root(&[receipt("0x2"), receipt("0x5")]), None);
        assert_eq!(receipts_root(&[receipt("0x100")]), None, "types are one byte");
    }
}
