//! A chain in memory with funded signers and three small contracts.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, Sealable, TxKind, U256, address, bytes, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use std::{collections::BTreeMap, sync::Arc};
use weir_builder::{BlockBuilder, SealedOutput};
use weir_evm::{
    BlockAttributes, ChainSpec, DiffState, SealedHeader, execute_block, recover_sender,
};
use weir_primitives::{Account, EmptyState, KECCAK_EMPTY, StateDiff, StateProvider, Transaction};
use weir_storage::hash_diff;
use weir_trie::{
    EMPTY_ROOT_HASH, EmptyNodes, LeafAccount, StateTrie, state_root_from_scratch,
    storage_root_from_scratch,
};
use weir_txpool::{PoolTransaction, SenderCode, SenderState};

pub(crate) const CHAIN_ID: u64 = 61_972;
pub(crate) const GWEI: u128 = 1_000_000_000;
/// Adds one to its slot 0 and emits an empty log.
pub(crate) const COUNTER: Address = address!("0x00000000000000000000000000000000000c0001");
/// Reverts.
pub(crate) const REVERTER: Address = address!("0x00000000000000000000000000000000000c0002");
/// Spends all gas.
pub(crate) const HALTER: Address = address!("0x00000000000000000000000000000000000c0003");
pub(crate) const BENEFICIARY: Address = address!("0x000000000000000000000000000000000000be0e");

/// A signer that has ether, by number.
pub(crate) fn signer(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(index + 1)).unwrap()
}

pub(crate) const FUNDED: u8 = 5;
/// A signer without ether.
pub(crate) const POOR: u8 = 100;

/// What the tests vary in a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) signer: u8,
    pub(crate) tx: TxEip1559,
}

impl Draft {
    pub(crate) fn call(signer: u8, nonce: u64, to: Address) -> Self {
        let access_list = AccessList::default();
        Self {
            signer,
            tx: TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: 60_000,
                max_fee_per_gas: 100 * GWEI,
                max_priority_fee_per_gas: GWEI,
                to: TxKind::Call(to),
                value: U256::ZERO,
                access_list,
                input: Bytes::new(),
            },
        }
    }

    pub(crate) fn transfer(signer: u8, nonce: u64) -> Self {
        let mut draft = Self::call(signer, nonce, Address::repeat_byte(0xee));
        (draft.tx.gas_limit, draft.tx.value) = (21_000, U256::from(1));
        draft
    }

    /// A creation whose code is one zero byte.
    pub(crate) fn create(signer: u8, nonce: u64) -> Self {
        let mut draft = Self::call(signer, nonce, Address::ZERO);
        (draft.tx.to, draft.tx.input) = (TxKind::Create, bytes!("60015ff3"));
        draft.tx.gas_limit = 100_000;
        draft
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut TxEip1559)) -> Self {
        change(&mut self.tx);
        self
    }

    /// Names the counter and its slot in the access list, so that a leak of warmth would show in the gas.
    pub(crate) fn warming(self) -> Self {
        self.with(|tx| {
            let item = AccessListItem { address: COUNTER, storage_keys: vec![B256::ZERO] };
            tx.access_list = AccessList(vec![item]);
        })
    }

    pub(crate) fn sign(self, arrival: u64) -> PoolTransaction {
        let signature = signer(self.signer).sign_hash_sync(&self.tx.signature_hash()).unwrap();
        let tx: Transaction = self.tx.into_signed(signature).into();
        let sender = recover_sender(&tx).unwrap();
        PoolTransaction::new(Arc::new(tx), sender, arrival)
    }
}

/// A chain in memory. Its state is a stack of diffs.
pub(crate) struct Chain {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) head: SealedHeader,
    pub(crate) state: Arc<dyn StateProvider>,
    pub(crate) trie: StateTrie,
    /// Every account and slot, to compute roots from scratch.
    leaves: BTreeMap<B256, (LeafAccount, BTreeMap<B256, U256>)>,
}

impl Chain {
    pub(crate) fn new(gas_limit: u64) -> Self {
        Self::with_contracts(gas_limit, [])
    }

    /// A chain that starts with these accounts, too.
    pub(crate) fn with_contracts(
        gas_limit: u64,
        contracts: impl IntoIterator<Item = (Address, GenesisAccount)>,
    ) -> Self {
        let ether = U256::from(10).pow(U256::from(18));
        let funded = (0..FUNDED).map(|index| (signer(index).address(), ether));
        let mut genesis = ChainSpec::dev(CHAIN_ID, funded).genesis().clone();
        genesis.gas_limit = gas_limit;
        genesis.alloc.extend(contracts);
        let codes = [
            (COUNTER, bytes!("5f546001015f555f5fa000")),
            (REVERTER, bytes!("5f5ffd")),
            (HALTER, bytes!("fe")),
        ];
        for (address, code) in codes {
            let account = GenesisAccount { code: Some(code), ..GenesisAccount::default() };
            genesis.alloc.insert(address, account);
        }
        let spec = Arc::new(ChainSpec::from_genesis(genesis).unwrap());
        let diff = Arc::new(spec.genesis_diff());
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        trie.apply(&hash_diff(&diff), &EmptyNodes).unwrap();
        let head = spec.genesis_header(trie.root()).seal_slow();
        let state = DiffState::sealed(Arc::new(EmptyState), Arc::clone(&diff), 0, head.hash());
        let mut chain = Self { spec, head, state: Arc::new(state), trie, leaves: BTreeMap::new() };
        chain.write_leaves(&diff);
        chain
    }

    pub(crate) fn attributes(&self) -> BlockAttributes {
        BlockAttributes {
            timestamp: self.head.timestamp + 1,
            beneficiary: BENEFICIARY,
            prev_randao: B256::repeat_byte(7),
            gas_limit: self.head.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: None,
            withdrawals: None,
        }
    }

    pub(crate) fn begin(&self) -> BlockBuilder {
        let (spec, state) = (Arc::clone(&self.spec), Arc::clone(&self.state));
        BlockBuilder::begin(spec, &self.head, self.attributes(), state).unwrap()
    }

    pub(crate) fn next_base_fee(&self) -> u64 {
        self.spec.next_base_fee(&self.head).unwrap()
    }

    pub(crate) fn sender_state(&self, address: Address) -> SenderState {
        sender_state(self.state.account(&address).unwrap().unwrap_or_default())
    }

    /// Seals the block, checks it in every independent way there is, and makes it the head.
    pub(crate) fn seal(&mut self, builder: BlockBuilder) -> SealedOutput {
        let parent = self.head.clone();
        let output = builder.seal(&mut self.trie, &EmptyNodes).unwrap();
        let executed = &output.executed;
        let header = executed.block.header();
        let again =
            execute_block(&self.spec, &parent, &executed.block, Arc::clone(&self.state)).unwrap();
        assert_eq!(again.receipts, *executed.receipts);
        let diff = Arc::clone(executed.diff.as_ref().unwrap());
        assert_eq!(again.diff, *diff);
        assert_eq!(again.gas_used, header.gas_used);
        assert_eq!(again.accesses, *output.accesses, "rejected transactions read nothing");
        assert_eq!(output.hashed, hash_diff(&diff));
        self.write_leaves(&diff);
        assert_eq!(header.state_root, self.root_from_scratch());
        self.head = header.clone().seal_slow();
        assert_eq!(self.head.hash(), executed.block.hash());
        let base = Arc::clone(&self.state);
        self.state = Arc::new(DiffState::sealed(base, diff, header.number, self.head.hash()));
        output
    }

    fn write_leaves(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            let key = keccak256(address);
            let Some(after) = change.after else {
                self.leaves.remove(&key);
                continue;
            };
            let account = LeafAccount {
                nonce: after.nonce,
                balance: after.balance,
                code_hash: after.code_hash,
            };
            let leaf = self.leaves.entry(key).or_default();
            leaf.0 = account;
            if change.is_storage_wiped {
                leaf.1.clear();
            }
            for (slot, value) in &change.slots {
                leaf.1.insert(keccak256(B256::from(*slot)), value.after);
            }
        }
    }

    fn root_from_scratch(&self) -> B256 {
        state_root_from_scratch(self.leaves.iter().map(|(key, (account, slots))| {
            let slots = slots.iter().map(|(slot, value)| (*slot, *value));
            (*key, *account, storage_root_from_scratch(slots))
        }))
    }
}

/// What the pool asks about an account.
pub(crate) fn sender_state(account: Account) -> SenderState {
    let code =
        if account.code_hash == KECCAK_EMPTY { SenderCode::Empty } else { SenderCode::Contract };
    SenderState { nonce: account.nonce, balance: account.balance, code }
}

/// The accounts that a block changed, as the pool wants them.
pub(crate) fn changes(output: &SealedOutput) -> Vec<(Address, SenderState)> {
    let diff = output.executed.diff.as_ref().unwrap();
    diff.accounts
        .iter()
        .map(|(address, change)| (*address, sender_state(change.after.unwrap_or_default())))
        .collect()
}

/// The hashes of a block's transactions.
pub(crate) fn hashes(output: &SealedOutput) -> Vec<B256> {
    output.executed.block.transactions().iter().map(|tx| *tx.tx_hash()).collect()
}

pub(crate) fn never() -> bool {
    false
}
