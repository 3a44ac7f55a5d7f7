//! A short name for what executing a transaction gave.

use crate::Receipt;
use alloy_consensus::TxReceipt;
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, keccak256};

/// Keccak-256 of a receipt's consensus encoding (EIP-2718): its type, and RLP of status, cumulative gas, bloom and logs. The
/// leaf of `receiptsRoot` holds the same bytes, so whoever has the sealed block can compare.
pub fn result_hash(receipt: &Receipt) -> B256 {
    keccak256(receipt.with_bloom_ref().encoded_2718())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::TxType;
    use alloy_primitives::hex;

    #[test]
    fn the_encoding_is_that_of_the_receipts_root() {
        // RLP[1, 21000, 256 zero bytes, []] behind the type byte.
        let receipt = |tx_type| Receipt {
            tx_type,
            success: true,
            cumulative_gas_used: 21_000,
            logs: Vec::new(),
        };
        let bytes = [&hex!("f9010801825208b90100")[..], &[0; 256], &[0xc0]].concat();
        assert_eq!(result_hash(&receipt(TxType::Legacy)), keccak256(&bytes));
        let typed = [&[2], &bytes[..]].concat();
        assert_eq!(result_hash(&receipt(TxType::Eip1559)), keccak256(typed));
    }
}
