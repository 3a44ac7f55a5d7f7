//! The forks of a chain as `eth_config` tells of them (EIP-7910).

use crate::{Activation, ChainSpec, Fork};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
};
use alloy_eips::{
    eip2124::{ForkFilter, ForkFilterKey, Head},
    eip7910::{EthConfig, EthForkConfig, SystemContract},
};
use alloy_evm::spec_by_timestamp_and_block_number;
use alloy_primitives::{Address, B256, Bytes};
use revm::precompile::{PrecompileSpecId, Precompiles};

impl ChainSpec {
    /// The rules in force at a block with this number and time, those of the next fork that is scheduled, and those of the last.
    /// `None` before Cancun, of which the EIP says nothing.
    pub fn fork_config(
        &self,
        genesis_hash: B256,
        number: u64,
        timestamp: u64,
    ) -> Option<EthConfig> {
        let times = self.fork_times();
        let config = |time: &u64| self.fork_config_from(*time, genesis_hash, number);
        let current = config(times.range(..=timestamp).next_back()?)?;
        let next = times.range(timestamp + 1..).next().and_then(config);
        let last = times.range(timestamp + 1..).next_back().and_then(config);
        Some(EthConfig { current, next, last })
    }

    /// When the rules change, in Unix time in seconds; forks of the genesis block count from zero on.
    fn fork_times(&self) -> BTreeSet<u64> {
        let time = |(_, activation)| match activation {
            Activation::Time(time) if time > self.genesis().timestamp => Some(time),
            Activation::Time(_) | Activation::Block(_) => None,
        };
        self.schedule().filter_map(time).chain([0]).collect()
    }

    /// The rules from `time` on; `number` is that of a block since then or before.
    fn fork_config_from(
        &self,
        time: u64,
        genesis_hash: B256,
        number: u64,
    ) -> Option<EthForkConfig> {
        // What the genesis block brings is in force at its time.
        let timestamp = time.max(self.genesis().timestamp);
        Some(EthForkConfig {
            activation_time: time,
            blob_schedule: self.blob_params_at(timestamp)?,
            chain_id: self.chain_id(),
            fork_id: self.fork_hash(genesis_hash, number, timestamp),
            precompiles: self.precompiles(number, timestamp),
            system_contracts: self.system_contracts_at(number, timestamp),
        })
    }

    /// `FORK_HASH` of EIP-6122.
    fn fork_hash(&self, genesis_hash: B256, number: u64, timestamp: u64) -> Bytes {
        // The merge is no fork of that EIP.
        let forks = self.schedule().filter(|(fork, _)| *fork != Fork::Paris);
        let forks = forks.map(|(_, activation)| match activation {
            Activation::Block(number) => ForkFilterKey::Block(number),
            Activation::Time(time) => ForkFilterKey::Time(time),
        });
        let head = Head { number, timestamp, ..Head::default() };
        let filter = ForkFilter::new(head, genesis_hash, self.genesis().timestamp, forks);
        Bytes::copy_from_slice(&filter.current().hash.0)
    }

    fn precompiles(&self, number: u64, timestamp: u64) -> BTreeMap<String, Address> {
        let spec = spec_by_timestamp_and_block_number(self, timestamp, number);
        let precompiles = Precompiles::new(PrecompileSpecId::from_spec_id(spec));
        let named = |address: &Address| {
            let precompile = precompiles.get(address)?;
            Some((precompile.id().name().to_owned(), *address))
        };
        precompiles.addresses().filter_map(named).collect()
    }

    fn system_contracts_at(
        &self,
        number: u64,
        timestamp: u64,
    ) -> BTreeMap<SystemContract, Address> {
        let mut contracts = BTreeMap::new();
        if self.is_active(Fork::Cancun, number, timestamp) {
            contracts.extend(SystemContract::cancun());
        }
        if self.is_active(Fork::Prague, number, timestamp) {
            contracts.extend(SystemContract::prague(Some(self.deposit_contract)));
        }
        contracts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_genesis::Genesis;
    use alloy_primitives::{address, b256};
    use serde_json::{Value, json};

    /// Hoodi, the example of the EIP, and the hash of its genesis block.
    fn hoodi() -> (ChainSpec, B256) {
        let genesis = json!({
            "config": {
                "chainId": 560_048, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
                "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
                "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0,
                "terminalTotalDifficultyPassed": true, "shanghaiTime": 0, "cancunTime": 0,
                "pragueTime": 1_742_999_832,
                "depositContractAddress": "0x00000000219ab540356cBB839Cbe05303d7705Fa",
                "blobSchedule": {
                    "cancun": { "target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477 },
                    "prague": { "target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716 },
                },
            },
            "timestamp": "0x67d80ec0", "gasLimit": "0x2255100", "difficulty": "0x1", "alloc": {},
        });
        let genesis: Genesis = serde_json::from_value(genesis).unwrap();
        let hash = b256!("bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b");
        (ChainSpec::from_genesis(genesis).unwrap(), hash)
    }

    fn told(config: &EthConfig) -> Value {
        serde_json::to_value(config).unwrap()
    }

    #[test]
    fn a_scheduled_fork_is_told_as_the_eip_shows_it() {
        let (spec, hash) = hoodi();
        let config = told(&spec.fork_config(hash, 1_000, 1_742_300_000).unwrap());
        let current = &config["current"];
        assert_eq!(current["activationTime"], 0);
        assert_eq!(
            current["blobSchedule"],
            json!({ "baseFeeUpdateFraction": 3_338_477, "max": 6, "target": 3 })
        );
        assert_eq!(current["chainId"], "0x88bb0");
        assert_eq!(current["forkId"], "0xbef71d30");
        assert_eq!(current["precompiles"].as_object().unwrap().len(), 10);
        let roots = address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02");
        assert_eq!(current["systemContracts"], json!({ "BEACON_ROOTS_ADDRESS": roots }));
        let next = &config["next"];
        assert_eq!(next["activationTime"], 1_742_999_832);
        assert_eq!(next["forkId"], "0x0929e24e");
        assert_eq!(next["precompiles"]["BLS12_G1ADD"], json!(Address::with_last_byte(0x0b)));
        assert_eq!(next["precompiles"].as_object().unwrap().len(), 17);
        assert_eq!(next["systemContracts"].as_object().unwrap().len(), 5);
        assert_eq!(&config["last"], next);
    }

    #[test]
    fn the_last_fork_has_no_next() {
        let (spec, hash) = hoodi();
        let config = told(&spec.fork_config(hash, 100_000, 1_742_999_832).unwrap());
        assert_eq!(config["current"]["forkId"], "0x0929e24e");
        assert_eq!((&config["next"], &config["last"]), (&Value::Null, &Value::Null));
    }
}
