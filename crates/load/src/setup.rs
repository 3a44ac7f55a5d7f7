//! Transactions that prepare a run: sent in order, each awaited and checked.

use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep};

use crate::{
    LoadError, Wallet,
    connection::Reply,
    node::{GasPrice, Node},
};

/// Transactions sent before their receipts are awaited; geth keeps this many of one account without question.
const WINDOW: usize = 16;
/// How long a node may take to include a window.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(60);
const RECEIPT_POLL: Duration = Duration::from_millis(20);
/// Preparation may pay this many times the current base fee, so that a rising fee does not stop it.
const BASE_FEE_MARGIN: u128 = 8;

/// One transaction of the preparation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What it is to do, for error messages.
    pub(crate) label: &'static str,
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas_limit: u64,
}

/// A step with the account that sends it.
#[derive(Debug)]
pub(crate) struct PlannedStep<'a> {
    pub(crate) wallet: &'a Wallet,
    pub(crate) nonce: u64,
    pub(crate) step: Step,
}

impl Step {
    /// Calls a contract without ether.
    pub(crate) fn call(label: &'static str, to: Address, input: Vec<u8>, gas_limit: u64) -> Self {
        Self { label, to: TxKind::Call(to), value: U256::ZERO, input: input.into(), gas_limit }
    }

    /// Deploys a contract.
    pub(crate) fn create(label: &'static str, code: Vec<u8>, gas_limit: u64) -> Self {
        Self { label, to: TxKind::Create, value: U256::ZERO, input: code.into(), gas_limit }
    }

    /// The same with ether, in wei.
    pub(crate) fn paying(mut self, value: U256) -> Self {
        self.value = value;
        self
    }

    /// The most that the step can cost its sender, in wei.
    pub(crate) fn cost_max(&self, price: GasPrice) -> U256 {
        self.value + U256::from(self.gas_limit) * U256::from(fee_cap(price))
    }
}

/// Steps of one account with nonces from `first_nonce` on.
pub(crate) fn plan(
    wallet: &Wallet,
    first_nonce: u64,
    steps: impl IntoIterator<Item = Step>,
) -> Vec<PlannedStep<'_>> {
    let numbered = (first_nonce..).zip(steps);
    numbered.map(|(nonce, step)| PlannedStep { wallet, nonce, step }).collect()
}

/// Sends `steps` in order, a window at a time, and waits until each is included and has succeeded.
///
/// # Errors
/// The node refuses a step, does not include it in time, or it reverts.
pub(crate) async fn run_steps(node: &mut Node, steps: &[PlannedStep<'_>]) -> Result<(), LoadError> {
    for window in steps.chunks(WINDOW) {
        let price = node.gas_price().await?;
        let mut pending: Vec<(&'static str, B256)> = Vec::with_capacity(window.len());
        for planned in window {
            pending.push((planned.step.label, send(node, planned, price).await?));
        }
        await_receipts(node, pending).await?;
    }
    Ok(())
}

async fn send(
    node: &mut Node,
    planned: &PlannedStep<'_>,
    price: GasPrice,
) -> Result<B256, LoadError> {
    const METHOD: &str = "eth_sendRawTransaction";
    let PlannedStep { wallet, nonce, step } = planned;
    let signed = wallet.sign(TxEip1559 {
        chain_id: node.chain_id,
        nonce: *nonce,
        gas_limit: step.gas_limit,
        max_fee_per_gas: fee_cap(price),
        max_priority_fee_per_gas: price.priority_fee,
        to: step.to,
        value: step.value,
        input: step.input.clone(),
        ..TxEip1559::default()
    });
    let answer = node.connection().post(signed.request).await?;
    let malformed = |source| LoadError::MalformedReply { method: METHOD, source };
    let reply: Reply<'_> = serde_json::from_slice(&answer).map_err(malformed)?;
    if let Some(refusal) = reply.error {
        return Err(LoadError::Refused {
            method: METHOD,
            code: refusal.code,
            message: refusal.message,
        });
    }
    if reply.result.is_none() {
        let missing = serde_json::from_str::<IgnoredAny>("").expect_err("nothing is not JSON");
        return Err(malformed(missing));
    }
    Ok(signed.hash)
}

async fn await_receipts(
    node: &mut Node,
    mut pending: Vec<(&'static str, B256)>,
) -> Result<(), LoadError> {
    let deadline = Instant::now() + INCLUSION_TIMEOUT;
    loop {
        let hashes: Vec<B256> = pending.iter().map(|(_, hash)| *hash).collect();
        let receipts = node.receipts(&hashes).await?;
        let mut missing = Vec::new();
        for ((step, hash), receipt) in pending.into_iter().zip(receipts) {
            match receipt {
                Some(receipt) if receipt.status.is_zero() => {
                    return Err(LoadError::SetupReverted { step, hash });
                }
                Some(_) => {}
                None => missing.push((step, hash)),
            }
        }
        let Some(&(step, hash)) = missing.first() else { return Ok(()) };
        if Instant::now() >= deadline {
            let timeout_ms = INCLUSION_TIMEOUT.as_millis() as u64;
            return Err(LoadError::SetupNotIncluded { step, hash, timeout_ms });
        }
        pending = missing;
        sleep(RECEIPT_POLL).await;
    }
}

fn fee_cap(price: GasPrice) -> u128 {
    price.base_fee * BASE_FEE_MARGIN + price.priority_fee
}
