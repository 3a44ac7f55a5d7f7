//! A chain made up from a seed: blocks with real roots over random changes, and the state after each.

use crate::{
    BlockCommit, GenesisState,
    audit::{receipts_root, transactions_root},
    hash_diff,
};
use alloy_consensus::{BlockBody, Signed, TxEip1559, TxLegacy, TxType};
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use std::{collections::BTreeMap, sync::Arc};
use weir_primitives::{
    Account, AccountDiff, Block, BlockRef, ExecutedBlock, Header, Receipt, RecoveredBlock,
    SlotDiff, StateDiff, Transaction,
};
use weir_trie::{EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, StateTrie, TrieUpdates};

/// Accounts that changes choose from: few, so that blocks meet the traces of earlier ones.
const ACCOUNTS: u64 = 16;

/// Slots that changes choose from.
const SLOTS: u64 = 8;

/// Accounts with their slots, by plain address and slot.
pub type PlainState = BTreeMap<Address, (Account, BTreeMap<U256, U256>)>;

/// A block with all that a commit needs.
#[derive(Debug, Clone)]
pub struct MadeBlock {
    /// The block, with its diff.
    pub block: ExecutedBlock,
    /// The diff with hashed keys.
    pub hashed: HashedDiff,
    /// The trie nodes it changed.
    pub trie: TrieUpdates,
}

impl MadeBlock {
    /// What to hand to the store.
    pub const fn commit(&self) -> BlockCommit<'_> {
        BlockCommit { block: &self.block, hashed: &self.hashed, trie: &self.trie, records: &[] }
    }
}

/// A chain in memory: the same seed and calls give the same blocks.
#[derive(Debug)]
pub struct TestChain {
    random: SplitMix,
    trie: StateTrie,
    genesis: GenesisState,
    /// The state after each block.
    states: Vec<PlainState>,
    /// Each block, genesis first.
    blocks: Vec<BlockRef>,
    /// Codes created so far.
    codes: BTreeMap<B256, Bytes>,
}

impl TestChain {
    /// A chain of a genesis block with some accounts.
    pub fn new(seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        let mut diff = StateDiff::default();
        for index in 0..ACCOUNTS / 2 {
            let slots = random_slots(&mut random, &BTreeMap::new());
            let after = Some(Account { balance: U256::from(1 + index), ..Account::default() });
            let change = AccountDiff { before: None, after, is_storage_wiped: false, slots };
            diff.accounts.insert(address(index), change);
        }
        let mut state = PlainState::new();
        apply(&mut state, &diff);
        let made = make_block(&mut random, &mut trie, BlockRef::default(), diff, 0);
        let MadeBlock { block, hashed, trie: nodes } = made;
        let blocks = vec![block.reference()];
        let genesis = GenesisState { block, hashed, trie: nodes, chain_id: 61_972 };
        let (states, codes) = (vec![state], BTreeMap::new());
        Self { random, trie, genesis, states, blocks, codes }
    }

    /// The genesis to open a store with.
    pub const fn genesis(&self) -> &GenesisState {
        &self.genesis
    }

    /// The newest block.
    pub fn head(&self) -> BlockRef {
        self.blocks[self.blocks.len() - 1]
    }

    /// Goes back to block `number`; the blocks made from then on are others than before. Answers the state root.
    pub fn revert_to(&mut self, number: u64) -> B256 {
        let kept = number as usize + 1;
        self.states.truncate(kept);
        self.blocks.truncate(kept);
        // From scratch: the chain shares no way back with what it is to check.
        let mut whole = StateDiff::default();
        for (address, (account, slots)) in &self.states[number as usize] {
            let held = |value: &U256| SlotDiff { before: U256::ZERO, after: *value };
            let slots = slots.iter().map(|(slot, value)| (*slot, held(value))).collect();
            let after = Some(*account);
            let change = AccountDiff { before: None, after, is_storage_wiped: false, slots };
            whole.accounts.insert(*address, change);
        }
        self.trie = StateTrie::new(EMPTY_ROOT_HASH);
        self.trie.apply(&hash_diff(&whole), &EmptyNodes).expect("everything is in memory");
        // Only what later blocks change is news to a store.
        drop(self.trie.take_updates());
        self.trie.root()
    }

    /// The state after block `number`.
    pub fn state(&self, number: u64) -> &PlainState {
        &self.states[number as usize]
    }

    /// Codes created so far.
    pub const fn codes(&self) -> &BTreeMap<B256, Bytes> {
        &self.codes
    }

    /// Makes the next block: random changes, wipes and removals, and a few transactions.
    pub fn next_block(&mut self) -> MadeBlock {
        let mut state = self.states[self.states.len() - 1].clone();
        let diff = self.random_diff(&state);
        apply(&mut state, &diff);
        self.codes.extend(diff.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        let transactions = self.random.below(5);
        let head = self.head();
        let made = make_block(&mut self.random, &mut self.trie, head, diff, transactions);
        self.blocks.push(made.block.reference());
        self.states.push(state);
        made
    }

    fn random_diff(&mut self, state: &PlainState) -> StateDiff {
        let random = &mut self.random;
        let mut diff = StateDiff::default();
        for _ in 0..random.below(6) {
            let address = address(random.below(ACCOUNTS));
            let (before, held) = match state.get(&address) {
                Some((account, slots)) => (Some(*account), slots.clone()),
                None => (None, BTreeMap::new()),
            };
            let is_removed = before.is_some() && random.below(5) == 0;
            let is_storage_wiped = is_removed || (before.is_some() && random.below(4) == 0);
            let after = (!is_removed).then(|| random_account(random, &mut diff));
            let slots = if is_removed { Default::default() } else { random_slots(random, &held) };
            diff.accounts.insert(address, AccountDiff { before, after, is_storage_wiped, slots });
        }
        diff
    }
}

/// The `index`-th of the accounts that blocks change.
fn address(index: u64) -> Address {
    Address::left_padding_from(&(0x1000 + index).to_be_bytes())
}

fn random_account(random: &mut SplitMix, diff: &mut StateDiff) -> Account {
    let mut account = Account {
        nonce: random.below(300),
        balance: U256::from(random.next()),
        ..Account::default()
    };
    if random.below(3) == 0 {
        let code = Bytes::from(random.next().to_be_bytes().to_vec());
        account.code_hash = keccak256(&code);
        diff.codes.insert(account.code_hash, code);
    }
    account
}

fn random_slots(
    random: &mut SplitMix,
    held: &BTreeMap<U256, U256>,
) -> alloy_primitives::map::HashMap<U256, SlotDiff> {
    let mut slots = alloy_primitives::map::HashMap::default();
    for _ in 0..random.below(5) {
        let slot = U256::from(random.below(SLOTS));
        let before = held.get(&slot).copied().unwrap_or_default();
        slots.insert(slot, SlotDiff { before, after: U256::from(random.below(4)) });
    }
    slots
}

fn apply(state: &mut PlainState, diff: &StateDiff) {
    for (address, change) in &diff.accounts {
        let Some(after) = change.after else {
            state.remove(address);
            continue;
        };
        let (account, slots) = state.entry(*address).or_default();
        *account = after;
        if change.is_storage_wiped {
            slots.clear();
        }
        for (slot, value) in &change.slots {
            slots.insert(*slot, value.after);
        }
        slots.retain(|_, value| !value.is_zero());
    }
}

fn make_block(
    random: &mut SplitMix,
    trie: &mut StateTrie,
    parent: BlockRef,
    diff: StateDiff,
    transactions: u64,
) -> MadeBlock {
    let hashed = hash_diff(&diff);
    trie.apply(&hashed, &EmptyNodes).expect("everything is in memory");
    let is_genesis = parent == BlockRef::default();
    let transactions: Vec<Transaction> = (0..transactions).map(|_| transaction(random)).collect();
    let receipts: Vec<Receipt> =
        transactions.iter().map(|transaction| receipt(random, transaction)).collect();
    let header = Header {
        number: if is_genesis { 0 } else { parent.number + 1 },
        parent_hash: parent.hash,
        timestamp: parent.timestamp + 1,
        state_root: trie.root(),
        transactions_root: transactions_root(&transactions),
        receipts_root: receipts_root(&receipts),
        base_fee_per_gas: Some(random.below(1_000)),
        ..Header::default()
    };
    let senders = transactions.iter().map(|_| address(random.below(ACCOUNTS))).collect();
    let body = BlockBody { transactions, ommers: Vec::new(), withdrawals: Some(Vec::new().into()) };
    let hash = header.hash_slow();
    let block = RecoveredBlock::new(Block { header, body }, hash, senders);
    let block = ExecutedBlock {
        block: Arc::new(block),
        receipts: Arc::new(receipts),
        diff: Some(Arc::new(diff)),
    };
    MadeBlock { block, hashed, trie: trie.take_updates() }
}

fn transaction(random: &mut SplitMix) -> Transaction {
    let nonce = random.next();
    let signature = Signature::test_signature();
    let to = TxKind::Call(address(random.below(ACCOUNTS)));
    if random.below(2) == 0 {
        let transaction = TxLegacy { chain_id: Some(61_972), nonce, to, ..TxLegacy::default() };
        Transaction::Legacy(Signed::new_unhashed(transaction, signature))
    } else {
        let input = Bytes::from(vec![7; random.below(100) as usize]);
        let transaction = TxEip1559 { chain_id: 61_972, nonce, to, input, ..TxEip1559::default() };
        Transaction::Eip1559(Signed::new_unhashed(transaction, signature))
    }
}

fn receipt(random: &mut SplitMix, transaction: &Transaction) -> Receipt {
    let topics = (0..random.below(5)).map(|_| B256::from(U256::from(random.next()))).collect();
    let log =
        Log::new_unchecked(address(random.below(ACCOUNTS)), topics, Bytes::from_static(b"log"));
    Receipt {
        tx_type: match transaction {
            Transaction::Legacy(_) => TxType::Legacy,
            _ => TxType::Eip1559,
        },
        success: random.below(2) == 0,
        cumulative_gas_used: random.next(),
        logs: vec![log],
    }
}

/// The SplitMix64 generator: small, fast, and the same everywhere.
#[derive(Debug, Clone, Copy)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
