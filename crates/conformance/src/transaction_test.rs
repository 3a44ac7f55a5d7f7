//! Transaction tests: bytes, and what each network makes of them.

use crate::{
    Report,
    json::{Number, RawConfig},
    network::{self, NoNetwork},
    report::Verdict,
    run::{self, Suite},
};
use alloy_primitives::{Address, B256};
use alloy_rlp::Header;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};
use weir_evm::{
    ChainSpec, Fork, decode_historic_transaction, recover_sender_at, validate_context_free,
};

/// Runs transaction tests in the files and folders given.
pub fn run_transaction_tests(paths: &[PathBuf]) -> Report {
    run::run::<TransactionTest>(paths)
}

#[derive(Debug, Deserialize)]
struct TransactionTest {
    result: BTreeMap<String, Expected>,
    /// Not [`HexBytes`]: some are not even hexadecimal.
    txbytes: String,
    #[serde(default)]
    config: RawConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    exception: Option<String>,
    hash: Option<B256>,
    sender: Option<Address>,
    intrinsic_gas: Option<Number>,
}

impl Suite for TransactionTest {
    const MARK: &'static str = "txbytes";

    fn run(self, name: &str, report: &mut Report) {
        let has_wide_price = self.has_wide_gas_price();
        for (network, expected) in &self.result {
            if has_wide_price && expected.exception.is_none() {
                let reason = "gas price beyond 128 bits, which no balance can pay";
                report.add(network, &format!("{name} {network}"), Verdict::Skipped(reason.into()));
                continue;
            }
            let verdict = match network_spec(network, &self.config) {
                Ok(spec) => Verdict::from_result(self.check(&spec, expected)),
                Err(NoNetwork::Skip(reason)) => Verdict::Skipped(reason),
                Err(NoNetwork::Broken(reason)) => Verdict::Failed(reason),
            };
            report.add(network, &format!("{name} {network}"), verdict);
        }
    }
}

/// Constantinople differs from its fix in the price of `SSTORE` only, which no transaction test reaches.
fn network_spec(network: &str, config: &RawConfig) -> Result<std::sync::Arc<ChainSpec>, NoNetwork> {
    let network = if network == "Constantinople" { "ConstantinopleFix" } else { network };
    network::chain_spec(network, config, None)
}

impl TransactionTest {
    fn check(&self, spec: &ChainSpec, expected: &Expected) -> Result<(), String> {
        let fork = spec.fork_at(0, 0);
        match (self.validate(spec, fork), &expected.exception) {
            (Err(_), Some(_)) => Ok(()),
            (Ok(_), Some(exception)) => Err(format!("accepted, but states {exception}")),
            (Err(reason), None) => Err(format!("rejected: {reason}")),
            (Ok(found), None) => expected.compare(found),
        }
    }

    /// Whether a fee of the transaction is valid RLP but wider than the type that holds it.
    fn has_wide_gas_price(&self) -> bool {
        let Ok(raw) = alloy_primitives::hex::decode(self.txbytes.trim()) else { return false };
        let (mut rest, prices) = match raw.first() {
            Some(1) => (&raw[1..], 2..=2),
            Some(2..=4) => (&raw[1..], 2..=3),
            _ => (raw.as_slice(), 1..=1),
        };
        if !Header::decode(&mut rest).is_ok_and(|header| header.list) {
            return false;
        }
        (0..=*prices.end()).any(|field| {
            let bytes = Header::decode_bytes(&mut rest, false).unwrap_or_default();
            prices.contains(&field) && size_of::<u128>() < bytes.len()
        })
    }

    fn validate(&self, spec: &ChainSpec, fork: Fork) -> Result<(B256, Address, u64), String> {
        let raw = alloy_primitives::hex::decode(self.txbytes.trim())
            .map_err(|error| error.to_string())?;
        let tx = decode_historic_transaction(&raw).map_err(|error| error.to_string())?;
        let gas =
            validate_context_free(&tx, fork, spec.chain_id()).map_err(|error| error.to_string())?;
        let sender = recover_sender_at(&tx, fork).map_err(|error| error.to_string())?;
        Ok((*tx.tx_hash(), sender, gas.intrinsic))
    }
}

impl Expected {
    fn compare(&self, (hash, sender, gas): (B256, Address, u64)) -> Result<(), String> {
        if self.hash.is_some_and(|expected| expected != hash) {
            return Err(format!("hash is {hash}"));
        }
        if self.sender.is_some_and(|expected| expected != sender) {
            return Err(format!("sender is {sender}"));
        }
        if self.intrinsic_gas.is_some_and(|expected| expected.to() != Some(gas)) {
            return Err(format!("intrinsic gas is {gas}"));
        }
        Ok(())
    }
}
