//! A chain in memory that executes real bytecode.

use crate::contracts::{ACTOR, TOKEN0, TOKEN1, actor_code, token_code};
use alloy_consensus::{Sealable, SignableTransaction, TxLegacy};
use alloy_primitives::{
    Address, B256, Bytes, Signature, TxKind, U256, address, keccak256, map::HashMap,
};
use alloy_sol_types::SolCall;
use std::sync::Arc;
use weir_evm::{BlockAttributes, ChainSpec, OpenBlock, SealedHeader, simulate};
use weir_primitives::{Account, ExecutedBlock, StateDiff, StateError, StateProvider, Transaction};

pub(crate) const CHAIN_ID: u64 = 61_972;
/// Owns the factories and sends every transaction.
pub(crate) const SENDER: Address = address!("0x9000000000000000000000000000000000000009");

/// All state, by plain keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryState {
    accounts: HashMap<Address, Account>,
    slots: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytes>,
    hashes: HashMap<u64, B256>,
}

impl MemoryState {
    fn apply(&mut self, diff: &StateDiff) {
        for (address, account) in &diff.accounts {
            match account.after {
                Some(after) => self.accounts.insert(*address, after),
                None => self.accounts.remove(address),
            };
            self.slots
                .extend(account.slots.iter().map(|(slot, diff)| ((*address, *slot), diff.after)));
        }
        self.codes.extend(diff.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }

    fn put_contract(&mut self, address: Address, code: Bytes) {
        let code_hash = keccak256(&code);
        self.codes.insert(code_hash, code);
        self.accounts.insert(address, Account { nonce: 1, balance: U256::ZERO, code_hash });
    }
}

impl StateProvider for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(address).copied())
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        Ok(self.slots.get(&(*address, *slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        Ok(self.codes.get(code_hash).cloned())
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        Ok(self.hashes.get(&number).copied())
    }
}

/// The tip of a chain; cloned, it is the tip of two.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    spec: Arc<ChainSpec>,
    header: SealedHeader,
    pub(crate) state: Arc<MemoryState>,
}

/// A block under construction.
pub(crate) struct Draft {
    open: OpenBlock,
    nonce: u64,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let spec = Arc::new(ChainSpec::dev(CHAIN_ID, [(SENDER, U256::MAX >> 16)]));
        let mut state = MemoryState::default();
        state.apply(&spec.genesis_diff());
        state.put_contract(TOKEN0, token_code());
        state.put_contract(TOKEN1, token_code());
        state.put_contract(ACTOR, actor_code());
        let header = spec.genesis_header(B256::ZERO).seal_slow();
        state.hashes.insert(0, header.hash());
        Self { spec, header, state: Arc::new(state) }
    }

    pub(crate) fn draft(&self) -> Draft {
        let attributes = BlockAttributes {
            timestamp: self.header.timestamp + 1,
            beneficiary: Address::ZERO,
            prev_randao: B256::ZERO,
            gas_limit: self.header.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: None,
            withdrawals: None,
        };
        let state: Arc<dyn StateProvider> = self.state.clone();
        let open =
            OpenBlock::begin(Arc::clone(&self.spec), &self.header, attributes, state).unwrap();
        let nonce = self.state.accounts[&SENDER].nonce;
        Draft { open, nonce }
    }

    pub(crate) fn seal(&mut self, draft: Draft) -> ExecutedBlock {
        let block = draft.open.finish().unwrap().seal(B256::ZERO);
        let state = Arc::make_mut(&mut self.state);
        state.apply(block.diff.as_ref().unwrap());
        state.hashes.insert(block.reference().number, block.reference().hash);
        self.header = block.block.header().clone().seal_slow();
        block
    }

    /// A block of one transaction each for the calls, all of which must succeed.
    pub(crate) fn block(&mut self, calls: &[(TxKind, Bytes)]) -> ExecutedBlock {
        let mut draft = self.draft();
        for (to, input) in calls {
            assert!(draft.send(*to, input.clone()), "a call of the set-up succeeds");
        }
        self.seal(draft)
    }

    /// Where the next creation goes.
    pub(crate) fn next_contract(&self) -> Address {
        SENDER.create(self.state.accounts[&SENDER].nonce)
    }

    /// Puts code at an address, between blocks and outside of the chain's rules.
    pub(crate) fn etch(&mut self, address: Address, code: Bytes) {
        Arc::make_mut(&mut self.state).put_contract(address, code);
    }

    /// The code at an address.
    pub(crate) fn code(&self, address: Address) -> Bytes {
        self.state.codes[&self.state.accounts[&address].code_hash].clone()
    }

    /// Return data of a call on the state of the tip, `None` if it reverts.
    pub(crate) fn call(&self, to: Address, input: Bytes) -> Option<Bytes> {
        self.call_paying(to, input, U256::ZERO)
    }

    /// As [`Self::call`], with some of the chain's coin.
    pub(crate) fn call_paying(&self, to: Address, input: Bytes, value: U256) -> Option<Bytes> {
        let state: Arc<dyn StateProvider> = self.state.clone();
        let header = self.header.inner().clone();
        let simulation = simulate::Simulation::new(Arc::clone(&self.spec), header, state, 1 << 30);
        let request = simulate::CallRequest {
            from: Some(SENDER),
            to: Some(to),
            input,
            value: Some(value),
            ..Default::default()
        };
        match simulation.call(&request).unwrap() {
            simulate::CallOutcome::Success { output, .. } => Some(output),
            simulate::CallOutcome::Revert { .. } => None,
            simulate::CallOutcome::Halt { .. } => panic!("the call has gas enough"),
        }
    }

    pub(crate) fn storage(&self, address: Address, slot: U256) -> U256 {
        self.state.storage(&address, &slot).unwrap()
    }
}

impl Draft {
    /// Sends a transaction; says whether it succeeded.
    pub(crate) fn send(&mut self, to: TxKind, input: Bytes) -> bool {
        self.send_paying(to, input, U256::ZERO)
    }

    /// As [`Self::send`], with some of the chain's coin.
    pub(crate) fn send_paying(&mut self, to: TxKind, input: Bytes, value: U256) -> bool {
        let tx = TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce: self.nonce,
            gas_price: 1_000_000_000_000,
            gas_limit: 12_000_000.min(self.open.gas_remaining()),
            to,
            value,
            input,
        };
        let tx = Transaction::from(tx.into_signed(Signature::test_signature()));
        self.open.execute(Arc::new(tx), SENDER).unwrap();
        self.nonce += 1;
        self.open.receipts().last().unwrap().success
    }

    pub(crate) fn call<C: SolCall>(&mut self, to: Address, call: &C) -> bool {
        self.send(TxKind::Call(to), call.abi_encode().into())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.open.gas_remaining() > 12_000_000
    }
}
