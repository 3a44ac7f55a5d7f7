//! Which transaction an account sends next. Pure: a function of the seed, the account and its count.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::SolCall;

use crate::{
    Deployment, Scenario,
    calls_v4::{self, Amount, SWAP_GAS as V4_SWAP_GAS},
    contracts::{Swapper, TestToken},
    deploy::exact_in,
    deployment::Token,
};

/// Gas of a plain transfer, exactly.
const TRANSFER_GAS: u64 = 21_000;
/// Gas limits of the other kinds: near to what they use, because nodes fill blocks by limit.
const ERC20_GAS: u64 = 60_000;
const V2_SWAP_GAS: u64 = 140_000;
const V3_SWAP_GAS: u64 = 350_000;
/// Swaps are 1 to this many thousandths of a unit.
const SWAP_MILLI_UNITS: u64 = 50;

/// Deterministic choices (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Choices(u64);

impl Choices {
    /// Choices that depend on all three numbers.
    pub(crate) fn new(seed: u64, account: u64, count: u64) -> Self {
        let words = [seed, account, count].map(u64::to_be_bytes).concat();
        Self(u64::from_be_bytes(keccak256(words).0.first_chunk().copied().unwrap_or_default()))
    }

    /// A number below `bound`, which is above zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    /// One of `options`, which are not empty.
    pub(crate) fn one_of<'a, T>(&mut self, options: &'a [T]) -> &'a T {
        &options[self.below(options.len() as u64) as usize]
    }

    /// Either.
    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// An amount of `token` worth 1 to `milli_units_max` thousandths of a unit.
    pub(crate) fn amount(&mut self, token: Token, milli_units_max: u64) -> u128 {
        token.per_unit * u128::from(1 + self.below(milli_units_max)) / 1_000
    }
}

/// What a transaction does and costs at most.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas_limit: u64,
}

/// Chooses the transactions of a scenario.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    /// The sending accounts, which are also the recipients.
    pub(crate) accounts: Vec<Address>,
    /// Absent for plain transfers.
    pub(crate) deployment: Option<Deployment>,
}

impl Workload {
    /// The transaction that the account sends after `count` others in this run.
    pub(crate) fn call(&self, account: usize, count: u64) -> Call {
        let mut choices = Choices::new(self.seed, account as u64, count);
        let kind = match self.scenario {
            Scenario::Mixed => *choices.one_of(&[
                Scenario::Transfers,
                Scenario::Erc20,
                Scenario::V2Swaps,
                Scenario::V3Swaps,
                Scenario::V4Swaps,
            ]),
            one => one,
        };
        match (&self.deployment, kind) {
            (Some(deployment), Scenario::Erc20) => self.token_transfer(deployment, &mut choices),
            (Some(deployment), Scenario::V2Swaps) => v2_swap(deployment, &mut choices),
            (Some(deployment), Scenario::V3Swaps) => v3_swap(deployment, &mut choices),
            (Some(deployment), Scenario::V4Swaps) => v4_swap(deployment, &mut choices),
            (_, _) => self.transfer(&mut choices),
        }
    }

    /// The highest gas limit among the scenario's transactions.
    pub(crate) const fn gas_limit_max(&self) -> u64 {
        match self.scenario {
            Scenario::Transfers => TRANSFER_GAS,
            Scenario::Erc20 => ERC20_GAS,
            Scenario::V2Swaps => V2_SWAP_GAS,
            Scenario::V3Swaps => V3_SWAP_GAS,
            Scenario::V4Swaps => V4_SWAP_GAS,
            Scenario::Mixed => {
                if V3_SWAP_GAS > V4_SWAP_GAS {
                    V3_SWAP_GAS
                } else {
                    V4_SWAP_GAS
                }
            }
        }
    }

    fn transfer(&self, choices: &mut Choices) -> Call {
        let to = *choices.one_of(&self.accounts);
        Call { to, value: U256::from(1), input: Bytes::new(), gas_limit: TRANSFER_GAS }
    }

    fn token_transfer(&self, deployment: &Deployment, choices: &mut Choices) -> Call {
        let token = *choices.one_of(&[deployment.token_a, deployment.token_b]);
        let to = *choices.one_of(&self.accounts);
        let amount = U256::from(1 + choices.below(1_000));
        Call::contract(
            token.address,
            TestToken::transferCall { to, amount }.abi_encode(),
            ERC20_GAS,
        )
    }
}

impl Call {
    /// A call without ether.
    pub(crate) fn contract(to: Address, input: Vec<u8>, gas_limit: u64) -> Self {
        Self { to, value: U256::ZERO, input: input.into(), gas_limit }
    }

    /// The same with native coin, in wei.
    pub(crate) fn paying(mut self, value: u128) -> Self {
        self.value = U256::from(value);
        self
    }

    /// The call as a transaction.
    pub(crate) fn transaction(self, chain_id: u64, nonce: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id,
            nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.priority_fee,
            to: TxKind::Call(self.to),
            value: self.value,
            input: self.input,
            ..TxEip1559::default()
        }
    }
}

/// Fee fields of a transaction, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
}

/// A swap paid from the swapper's stock, so that thousands of accounts need neither tokens nor approvals.
fn v2_swap(deployment: &Deployment, choices: &mut Choices) -> Call {
    let pair = choices.one_of(&deployment.pairs);
    let zero_for_one = choices.coin();
    let token = if zero_for_one { pair.token0 } else { pair.token1 };
    let call = Swapper::swapV2Call {
        pair: pair.address,
        zeroForOne: zero_for_one,
        amountIn: U256::from(choices.amount(token, SWAP_MILLI_UNITS)),
        own: true,
    };
    Call::contract(deployment.swapper, call.abi_encode(), V2_SWAP_GAS)
}

fn v3_swap(deployment: &Deployment, choices: &mut Choices) -> Call {
    let pool = choices.one_of(&deployment.pools);
    let zero_for_one = choices.coin();
    let token = if zero_for_one { pool.token0 } else { pool.token1 };
    let call = Swapper::swapV3Call {
        pool: pool.address,
        zeroForOne: zero_for_one,
        amount: exact_in(choices.amount(token, SWAP_MILLI_UNITS)),
        own: true,
    };
    Call::contract(deployment.swapper, call.abi_encode(), V3_SWAP_GAS)
}

fn v4_swap(deployment: &Deployment, choices: &mut Choices) -> Call {
    let pool = choices.one_of(&deployment.v4.pools);
    let zero_for_one = choices.coin();
    let token = if zero_for_one { pool.token0 } else { pool.token1 };
    let amount = Amount::In(choices.amount(token, SWAP_MILLI_UNITS));
    calls_v4::swap(deployment, pool, zero_for_one, amount, true)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::Wallet;

    #[test]
    fn same_seed_same_transactions_and_every_kind_occurs() {
        let wallet = Wallet::test_account();
        let workload = Workload {
            scenario: Scenario::Mixed,
            seed: 7,
            accounts: vec![wallet.address()],
            deployment: Some(Deployment::of(&wallet, B256::ZERO)),
        };
        let limits = |from: u64| -> Vec<u64> {
            (from..from + 100).map(|count| workload.call(3, count).gas_limit).collect()
        };
        assert_eq!(limits(0), limits(0));
        assert_ne!(limits(0), limits(100));
        for gas in [TRANSFER_GAS, ERC20_GAS, V2_SWAP_GAS, V3_SWAP_GAS, V4_SWAP_GAS] {
            assert!(limits(0).contains(&gas), "{gas}");
        }
    }
}
