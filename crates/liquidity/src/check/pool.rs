//! The comparison of one pool: state first, then quotes.

use super::{
    CheckError, CheckReport,
    compare::{compare_v2, compare_v3, compare_v4},
    quotes::{QuoteCheck, SwapContract},
    served::ServedPool,
};
use crate::reader::{
    abi,
    contract::{Concentrated, ContractReader},
};
use alloy_primitives::{
    Address,
    aliases::{I24, U24},
};
use weir_follower::ChainClient;

/// The key that the arena's answer describes; `None` if it describes none.
fn key_of(pool: &ServedPool) -> Option<abi::PoolKey> {
    Some(abi::PoolKey {
        currency0: pool.token0,
        currency1: pool.token1,
        fee: U24::try_from(pool.fee).ok()?,
        tickSpacing: I24::try_from(pool.tick_spacing?).ok()?,
        hooks: pool.hooks.unwrap_or_default(),
    })
}

/// One pool, what the arena says of it, and the report that the result goes to.
pub(super) struct PoolCheck<'a> {
    pub(super) node: &'a ChainClient,
    pub(super) arena: &'a ChainClient,
    pub(super) served: &'a ServedPool,
    pub(super) report: &'a mut CheckReport,
}

impl PoolCheck<'_> {
    const fn reader(&self) -> ContractReader<'_> {
        ContractReader { node: self.node, block_hash: self.report.block_hash }
    }

    /// The contract of a V2 or V3 pool.
    fn address(&self) -> Result<Address, CheckError> {
        self.served.id.parse().map_err(|_| CheckError::Answer { method: "weir_getPool" })
    }

    pub(super) async fn v2(self) -> Result<(), CheckError> {
        let state = {
            let address = self.address()?;
            let read = self.reader().v2(address).await;
            read.map_err(|error| CheckError::read(address, error))?
        };
        self.report.difference = compare_v2(&state, self.served);
        if self.report.difference.is_none() {
            let mut quotes = QuoteCheck { node: self.node, arena: self.arena, compared: 0 };
            self.report.difference = quotes.v2(self.served, &state).await?;
            self.report.quotes += quotes.compared;
        }
        Ok(())
    }

    pub(super) async fn v3(self) -> Result<(), CheckError> {
        let address = self.address()?;
        let state = self.reader().v3(address).await;
        let state = state.map_err(|error| CheckError::read(address, error))?;
        self.report.difference = compare_v3(&state, self.served);
        self.quotes(&SwapContract::V3(address), &state.range).await
    }

    pub(super) async fn v4(self) -> Result<(), CheckError> {
        let absent = CheckError::Answer { method: "weir_getPool" };
        let (manager, key) = self.served.manager.zip(key_of(self.served)).ok_or(absent)?;
        let state = self.reader().v4(manager, &key).await;
        let state = state.map_err(|error| CheckError::read(manager, error))?;
        self.report.difference = compare_v4(&state, self.served);
        if self.report.difference.is_none() && !self.served.is_exact() {
            let accuracy = self.served.accuracy_text();
            self.report.inexact.push((self.served.id.clone(), accuracy));
        }
        self.quotes(&SwapContract::V4(manager, key), &state.range).await
    }

    /// Counts what was read, and compares quotes if the state is equal and the arena promises them.
    async fn quotes(self, contract: &SwapContract, range: &Concentrated) -> Result<(), CheckError> {
        self.report.words += range.words_read;
        self.report.ticks += range.ticks.len() as u64;
        let is_quoted = self.served.status == "live" && self.served.is_exact();
        if self.report.difference.is_none() && is_quoted {
            let mut quotes = QuoteCheck { node: self.node, arena: self.arena, compared: 0 };
            self.report.difference = quotes.concentrated(self.served, contract, range).await?;
            self.report.quotes += quotes.compared;
        }
        Ok(())
    }
}
