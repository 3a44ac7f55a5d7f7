//! EIP-1559 fees.

use crate::{ChainClient, ClientError};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::U128;

/// Tip offered where a node has no opinion, in wei.
const DEFAULT_PRIORITY_FEE_WEI: u128 = 1_000_000_000;

/// What a transaction offers for a unit of gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// At most this in all.
    pub max_fee_per_gas: u128,
    /// Of which at most this to the proposer.
    pub max_priority_fee_per_gas: u128,
}

impl Fees {
    /// The least fees with which nodes accept a replacement: ten percent more, rounded up, plus one, on both fields.
    ///
    /// Nodes compare with "more than ten percent" or "at least ten percent"; one above satisfies both.
    #[must_use]
    pub const fn bumped(self) -> Self {
        Self {
            max_fee_per_gas: bump(self.max_fee_per_gas),
            max_priority_fee_per_gas: bump(self.max_priority_fee_per_gas),
        }
    }

    /// The higher of both in each field.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            max_fee_per_gas: self.max_fee_per_gas.max(other.max_fee_per_gas),
            max_priority_fee_per_gas: self
                .max_priority_fee_per_gas
                .max(other.max_priority_fee_per_gas),
        }
    }
}

const fn bump(fee: u128) -> u128 {
    fee.saturating_add(fee.div_ceil(10)).saturating_add(1)
}

impl ChainClient {
    /// Fees that should get a transaction into one of the next blocks: the node's tip, and twice the base fee above it, which
    /// covers six full blocks in a row.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn fees(&self) -> Result<Fees, ClientError> {
        let head = self.header(BlockNumberOrTag::Latest).await?;
        let base_fee = head.and_then(|header| header.base_fee_per_gas).unwrap_or_default();
        let tip = match self.read::<_, U128>("eth_maxPriorityFeePerGas", ()).await {
            Ok(tip) => tip.to(),
            Err(ClientError::Refused { .. }) => DEFAULT_PRIORITY_FEE_WEI,
            Err(error) => return Err(error),
        };
        let max_fee_per_gas = u128::from(base_fee).saturating_mul(2).saturating_add(tip);
        Ok(Fees { max_fee_per_gas, max_priority_fee_per_gas: tip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bump_is_more_than_ten_percent_in_both_fields() {
        let check = |fee: u128, expected: u128| {
            let fees = Fees { max_fee_per_gas: fee, max_priority_fee_per_gas: fee };
            let bumped = fees.bumped();
            assert_eq!(bumped.max_fee_per_gas, expected);
            assert_eq!(bumped.max_priority_fee_per_gas, expected);
            assert!(expected == u128::MAX || expected * 10 > fee * 11, "strictly more than 110 %");
        };
        check(0, 1);
        check(1, 3);
        check(10, 12);
        check(11, 14);
        check(1_000_000_000, 1_100_000_001);
        check(u128::MAX, u128::MAX);
    }
}
