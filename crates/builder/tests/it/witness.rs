//! Witnesses of random chains: the root from the witness is the root, and no part of a witness can be left out.

use crate::support::{CHAIN_ID, COUNTER, Chain, Draft, FUNDED, GWEI, REVERTER, signer};
use alloy_consensus::{SignableTransaction, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, bytes};
use alloy_signer::SignerSync;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use weir_builder::{BlockBuilder, BundleFailure, TrieAhead};
use weir_evm::{ExecutionWitness, StatelessError, Verified, verify_stateless};
use weir_primitives::{Header, RecoveredBlock, StateProvider, Transaction};
use weir_trie::{EmptyNodes, Nibbles, NodeSource, StateTrie, TrieError, TrieUpdates};
use weir_txpool::{Bundle, Leeway, PoolTransaction};

/// Writes its second word to the slot that its first word names.
const WRITER: Address = address!("0x00000000000000000000000000000000000c0011");
/// Stores the hash of the block that is as many blocks ago as its word says.
const HASHER: Address = address!("0x00000000000000000000000000000000000c0012");
/// Creates a contract of its input, with its value.
const MAKER: Address = address!("0x00000000000000000000000000000000000c0013");
/// Sends its balance to the caller by `SELFDESTRUCT`.
const QUITTER: Address = address!("0x00000000000000000000000000000000000c0014");
/// Looks at the code and the balance of the address in its word.
const READER: Address = address!("0x00000000000000000000000000000000000c0015");

/// Writes slot 1 and becomes a contract of one zero byte.
const CHILD: Bytes = bytes!("6007600155 60015ff3");
/// Writes slots 1 and 2 and is gone in the same transaction, with its storage.
const BRIEF: Bytes = bytes!("6007600155 6008600255 33ff");
/// Writes a slot and fails.
const FAILING: Bytes = bytes!("6007600155 5f5ffd");

/// What a transaction does.
#[derive(Debug, Clone)]
enum Action {
    Transfer(u8),
    Count,
    Revert,
    Write {
        slot: u8,
        value: u8,
    },
    Hash(u8),
    Make(u8),
    Quit,
    Read(u8),
    /// Delegates an account's code to the writer, or ends that.
    Delegate {
        authority: u8,
        ends: bool,
    },
    /// Calls an account that may be delegated.
    WriteDelegated {
        authority: u8,
        slot: u8,
        value: u8,
    },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    use Action::*;
    let value = || prop_oneof![2 => Just(0u8), 3 => 1u8..5];
    let action = prop_oneof![
        2 => (0u8..40).prop_map(Transfer),
        1 => Just(Count),
        1 => Just(Revert),
        6 => (0u8..24, value()).prop_map(|(slot, value)| Write { slot, value }),
        1 => (0u8..9).prop_map(Hash),
        3 => (0u8..3).prop_map(Make),
        1 => Just(Quit),
        2 => (0u8..44).prop_map(Read),
        1 => (0..FUNDED, any::<bool>()).prop_map(|(authority, ends)| Delegate { authority, ends }),
        2 => (0..FUNDED, 0u8..6, value())
            .prop_map(|(authority, slot, value)| WriteDelegated { authority, slot, value }),
    ];
    prop::collection::vec(action, 0..10)
}

fn words(words: [u64; 2]) -> Bytes {
    words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>()).collect()
}

fn somebody(index: u8) -> Address {
    match index {
        40 => WRITER,
        41 => MAKER,
        42 => signer(1).address(),
        43 => signer(0).address().create(0),
        _ => Address::repeat_byte(0x80 + index),
    }
}

/// A chain whose nodes are stored, too.
struct World {
    chain: Chain,
    nodes: Nodes,
    headers: Vec<Header>,
    nonces: [u64; FUNDED as usize],
}

#[derive(Debug, Default)]
struct Nodes {
    accounts: BTreeMap<Nibbles, Bytes>,
    storages: BTreeMap<(B256, Nibbles), Bytes>,
}

impl Nodes {
    fn write(&mut self, updates: &TrieUpdates) {
        self.storages.retain(|(owner, _), _| !updates.wiped_storage.contains(owner));
        for (path, rlp) in &updates.account_nodes {
            match rlp {
                Some(rlp) => drop(self.accounts.insert(*path, rlp.clone())),
                None => drop(self.accounts.remove(path)),
            }
        }
        for (account, path, rlp) in &updates.storage_nodes {
            match rlp {
                Some(rlp) => drop(self.storages.insert((*account, *path), rlp.clone())),
                None => drop(self.storages.remove(&(*account, *path))),
            }
        }
    }
}

impl NodeSource for Nodes {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(self.accounts.get(path).cloned())
    }
    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(self.storages.get(&(*account, *path)).cloned())
    }
}

impl World {
    fn new() -> Self {
        let code = |code| GenesisAccount { code: Some(code), ..GenesisAccount::default() };
        let mut chain = Chain::with_contracts(
            30_000_000,
            [
                (WRITER, code(bytes!("6020355f355500"))),
                (HASHER, code(bytes!("5f3543034060ff5500"))),
                (MAKER, code(bytes!("365f5f37365f34f000"))),
                (QUITTER, code(bytes!("33ff"))),
                (READER, code(bytes!("5f353b5f353100"))),
            ],
        );
        let mut nodes = Nodes::default();
        nodes.write(&chain.trie.take_updates());
        let headers = vec![chain.head.inner().clone()];
        Self { chain, nodes, headers, nonces: [0; FUNDED as usize] }
    }

    /// The transaction of an action, or `None` if its sender may not send it now.
    fn sign(&mut self, sender: u8, action: &Action) -> (Transaction, Address) {
        let nonce = self.nonces[usize::from(sender)];
        self.nonces[usize::from(sender)] += 1;
        let call = |to, input, value: u64| {
            let draft = Draft::call(sender, nonce, to);
            draft.with(|tx| {
                (tx.input, tx.value, tx.gas_limit) = (input, U256::from(value), 500_000);
                tx.to = TxKind::Call(to);
            })
        };
        let draft = match action {
            Action::Transfer(to) => call(somebody(*to), Bytes::new(), 1),
            Action::Count => call(COUNTER, Bytes::new(), 0),
            Action::Revert => call(REVERTER, Bytes::new(), 0),
            Action::Write { slot, value } => {
                call(WRITER, words([u64::from(*slot), u64::from(*value)]), 0)
            }
            Action::Hash(ago) => call(HASHER, words([u64::from(*ago), 0]), 0),
            Action::Make(kind) => {
                let code = [CHILD, BRIEF, FAILING][usize::from(*kind)].clone();
                call(MAKER, code, u64::from(*kind))
            }
            Action::Quit => call(QUITTER, Bytes::new(), 1),
            Action::Read(whom) => {
                let word = B256::left_padding_from(somebody(*whom).as_slice());
                call(READER, Bytes::copy_from_slice(word.as_slice()), 0)
            }
            Action::WriteDelegated { authority, slot, value } => {
                let input = words([u64::from(*slot), u64::from(*value)]);
                call(signer(*authority).address(), input, 0)
            }
            Action::Delegate { authority, ends } => {
                return (
                    self.delegate((sender, nonce), *authority, *ends),
                    signer(sender).address(),
                );
            }
        };
        let signed = draft.sign(0);
        (Transaction::clone(&signed.tx), signed.sender)
    }

    fn delegate(&mut self, (sender, nonce): (u8, u64), authority: u8, ends: bool) -> Transaction {
        let authorization = Authorization {
            chain_id: U256::from(CHAIN_ID),
            address: if ends { Address::ZERO } else { WRITER },
            nonce: self.nonces[usize::from(authority)],
        };
        self.nonces[usize::from(authority)] += 1;
        let signature = signer(authority).sign_hash_sync(&authorization.signature_hash()).unwrap();
        let tx = TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 500_000,
            max_fee_per_gas: 100 * GWEI,
            max_priority_fee_per_gas: GWEI,
            to: Address::repeat_byte(0xee),
            authorization_list: vec![authorization.into_signed(signature)],
            ..TxEip7702::default()
        };
        let signature = signer(sender).sign_hash_sync(&tx.signature_hash()).unwrap();
        tx.into_signed(signature).into()
    }

    /// A bundle of these actions, by one sender. With an action that fails at its end it cannot join a block.
    fn bundle(&mut self, sender: u8, actions: &[Action]) -> Arc<Bundle> {
        let signed = actions.iter().map(|action| {
            let (tx, sender) = self.sign(sender, action);
            let transaction = PoolTransaction::new(Arc::new(tx), sender, 0);
            let is_good = !matches!(action, Action::Revert);
            (Arc::new(transaction), Leeway { may_revert: is_good, may_drop: false })
        });
        let transactions: Vec<_> = signed.collect();
        Arc::new(Bundle {
            hash: Bundle::hash_of(transactions.iter().map(|(one, _)| &one.hash)),
            transactions,
            blocks: 0..=u64::MAX,
            timestamps: 0..=u64::MAX,
            replacement: None,
            arrival: 0,
        })
    }

    /// Tries these actions and undoes them.
    fn try_in_vain(&mut self, builder: &mut BlockBuilder, sender: u8, actions: &[Action]) {
        let nonces = self.nonces;
        let doomed: Vec<Action> = actions.iter().cloned().chain([Action::Revert]).collect();
        let bundle = self.bundle(sender, &doomed);
        let failure = builder.try_bundle(&bundle).unwrap().unwrap_err();
        assert!(matches!(failure, BundleFailure::Reverted { .. }), "{failure}");
        self.nonces = nonces;
    }

    /// Seals a block of these actions and returns it with its witness.
    fn grow(&mut self, actions: &[Action]) -> (Arc<RecoveredBlock>, ExecutionWitness) {
        self.grow_around(actions, &[])
    }

    /// As [`Self::grow`]; before each action, some that are undone.
    fn grow_around(
        &mut self,
        actions: &[Action],
        undone: &[Vec<Action>],
    ) -> (Arc<RecoveredBlock>, ExecutionWitness) {
        let state = Arc::clone(&self.chain.state);
        let parent = self.chain.head.inner().clone();
        let mut builder = self.chain.begin();
        self.chain.trie.begin_witness();
        let trie = std::mem::replace(&mut self.chain.trie, StateTrie::new(B256::ZERO));
        let ahead = TrieAhead::begin(&mut builder, trie, Arc::new(EmptyNodes)).unwrap();
        for (index, action) in (0u8..).zip(actions) {
            if let Some(undone) = undone.get(usize::from(index)) {
                self.try_in_vain(&mut builder, (index + 1) % FUNDED, undone);
            }
            let (tx, sender) = self.sign(index % FUNDED, action);
            builder.append(Arc::new(tx), sender).unwrap().unwrap();
            if index % 3 == 1 {
                ahead.advance(&mut builder);
            }
        }
        self.chain.trie = ahead.finish(&mut builder).unwrap();
        let output = self.chain.seal(builder);
        let headers = &self.headers;
        let mut header = |number: u64| Ok(headers.get(number as usize).cloned());
        let read = (&*output.accesses, &output.hashed);
        let witness =
            ExecutionWitness::record(&parent, read, &self.nodes, &*state, &mut header).unwrap();
        assert_eq!(
            output.witness.as_ref(),
            Some(&witness.state),
            "noted by the trie that lives on"
        );
        self.nodes.write(&output.updates);
        self.headers.push(output.executed.block.header().clone());
        (Arc::clone(&output.executed.block), witness)
    }

    fn verify(
        &self,
        witness: &ExecutionWitness,
        block: &RecoveredBlock,
    ) -> Result<Verified, StatelessError> {
        verify_stateless(&self.chain.spec, witness, block)
    }
}

/// Every witness that lacks one part, with what it lacks.
fn holed(witness: &ExecutionWitness) -> Vec<(&'static str, ExecutionWitness)> {
    let mut all = Vec::new();
    for index in 0..witness.state.len() {
        let mut holed = witness.clone();
        holed.state.remove(index);
        all.push(("node", holed));
    }
    for index in 0..witness.codes.len() {
        let mut holed = witness.clone();
        holed.codes.remove(index);
        all.push(("code", holed));
    }
    for index in 0..witness.headers.len() {
        let mut holed = witness.clone();
        holed.headers.remove(index);
        all.push(("header", holed));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// `Chain::seal` compares each root with the one rebuilt from all leaves.
    #[test]
    fn a_witness_proves_its_block_and_no_part_of_it_does(
        blocks in prop::collection::vec(actions(), 1..7),
    ) {
        let mut world = World::new();
        for actions in &blocks {
            let (block, witness) = world.grow(actions);
            let verified = world.verify(&witness, &block).unwrap();
            prop_assert_eq!(verified.state_root, block.header().state_root);
            prop_assert_eq!(verified.hash, block.hash());
            for part in [&witness.state, &witness.codes] {
                prop_assert!(part.is_sorted_by(|left, right| left < right));
            }
            for (part, witness) in holed(&witness) {
                let error = world.verify(&witness, &block).unwrap_err();
                let fits = match part {
                    "header" => matches!(
                        error,
                        StatelessError::HeaderCount { .. }
                            | StatelessError::HeadersUnlinked { .. }
                            | StatelessError::NotParent { .. }
                            | StatelessError::Incomplete(_)
                    ),
                    _ => matches!(error, StatelessError::Incomplete(_)),
                };
                prop_assert!(fits, "{} {:?}", part, error);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// `Chain::seal` executes the block again without what was undone, and compares results, reads and roots.
    #[test]
    fn what_a_bundle_did_leaves_no_trace_when_it_is_undone(
        blocks in prop::collection::vec(
            (actions(), prop::collection::vec(actions(), 0..6)),
            1..5,
        ),
    ) {
        let (mut plain, mut around) = (World::new(), World::new());
        for (actions, undone) in &blocks {
            let (block, witness) = plain.grow(actions);
            let (other, same) = around.grow_around(actions, undone);
            prop_assert_eq!(block.hash(), other.hash());
            prop_assert_eq!(witness, same);
        }
    }

    /// One block of bundles and one of their transactions alone.
    #[test]
    fn a_bundle_that_joins_does_what_its_transactions_do(
        bundles in prop::collection::vec(actions(), 1..5),
    ) {
        let (mut plain, mut world) = (World::new(), World::new());
        let (mut alone, mut together) = (plain.chain.begin(), world.chain.begin());
        for (sender, actions) in (0..FUNDED).cycle().zip(&bundles) {
            let actions: Vec<Action> =
                actions.iter().filter(|one| !matches!(one, Action::Revert)).cloned().collect();
            for action in &actions {
                let (tx, sender) = plain.sign(sender, action);
                alone.append(Arc::new(tx), sender).unwrap().unwrap();
            }
            let bundle = world.bundle(sender, &actions);
            let outcome = together.try_bundle(&bundle).unwrap();
            prop_assert_eq!(outcome.is_ok(), !actions.is_empty());
        }
        let (alone, together) = (plain.chain.seal(alone), world.chain.seal(together));
        prop_assert_eq!(alone.executed, together.executed);
    }
}

#[test]
fn what_may_be_left_out_of_a_bundle_is_and_the_rest_stays() {
    let mut world = World::new();
    let write = Action::Write { slot: 1, value: 2 };
    let bundle = world.bundle(0, &[write.clone(), Action::Revert, write.clone()]);
    let mut builder = world.chain.begin();
    let reverter = bundle.transactions[1].0.hash;
    let failure = builder.try_bundle(&bundle).unwrap().unwrap_err();
    assert_eq!(failure, BundleFailure::Reverted { hash: reverter });
    assert!(builder.open().transactions().is_empty());
    assert_eq!((builder.open().gas_used(), builder.attempts().len()), (0, 0));

    let mut tolerant = Bundle::clone(&bundle);
    tolerant.transactions[1].1.may_revert = true;
    let joined = builder.try_bundle(&Arc::new(tolerant)).unwrap().unwrap();
    assert_eq!(joined.len(), 3);
    assert!(!builder.open().receipts()[1].success);
    assert!(builder.attempts().iter().all(|attempt| attempt.bundle.is_some()));

    // Its sender's last nonce is missing when it is left out, so what follows must be another's.
    let (mut first, second) = (
        Bundle::clone(&world.bundle(1, &[write.clone(), Action::Revert])),
        world.bundle(2, &[write]),
    );
    first.transactions[1].1.may_drop = true;
    first.transactions.extend(second.transactions.iter().cloned());
    let joined = builder.try_bundle(&Arc::new(first.clone())).unwrap().unwrap();
    assert_eq!(joined.len(), 2, "the one that reverts is left out");
    assert_eq!(builder.open().transactions().len(), 5);

    for (_, leeway) in &mut first.transactions {
        leeway.may_drop = true;
    }
    let again = builder.try_bundle(&Arc::new(first)).unwrap().unwrap_err();
    assert_eq!(again, BundleFailure::Nothing, "all nonces are used but one, and that reverts");
    world.chain.seal(builder);
}

#[test]
fn a_block_that_says_something_else_is_refused() {
    let mut world = World::new();
    world.grow(&[Action::Count]);
    let write = Action::Write { slot: 3, value: 4 };
    let (block, witness) = world.grow(&[write, Action::Hash(2), Action::Make(1)]);
    world.verify(&witness, &block).unwrap();
    let changes: [fn(&mut Header); 5] = [
        |header| header.state_root.0[0] ^= 1,
        |header| header.receipts_root.0[0] ^= 1,
        |header| header.gas_used += 1,
        |header| header.logs_bloom.0[0] ^= 1,
        |header| header.transactions_root.0[0] ^= 1,
    ];
    for change in changes {
        let mut other = block.block().clone();
        change(&mut other.header);
        let hash = other.header.hash_slow();
        let other = RecoveredBlock::new(other, hash, block.senders().to_vec());
        let error = world.verify(&witness, &other).unwrap_err();
        assert!(matches!(error, StatelessError::Block(_)), "{error:?}");
    }
    let mut strangers = block.senders().to_vec();
    strangers[0] = Address::repeat_byte(0x77);
    let stranger = RecoveredBlock::new(block.block().clone(), block.hash(), strangers);
    let error = world.verify(&witness, &stranger).unwrap_err();
    assert!(matches!(error, StatelessError::Incomplete(_) | StatelessError::Block(_)), "{error:?}");
    let mut garbage = witness;
    garbage.headers[0] = bytes!("c0");
    let error = world.verify(&garbage, &block).unwrap_err();
    assert!(matches!(error, StatelessError::HeaderMalformed { .. }), "{error:?}");
}

#[test]
fn only_pre_state_is_in_a_witness() {
    let mut world = World::new();
    let (_, empty) = world.grow(&[]);
    assert_eq!(empty.headers.len(), 1, "the parent");
    assert_eq!(empty.codes.len(), 4, "the system contracts");
    let (_, made) = world.grow(&[Action::Make(0), Action::Read(43)]);
    assert_eq!(made.codes.len(), 6, "the maker's and the reader's, not the child's");
    world.grow(&[]);
    let (_, asked) = world.grow(&[Action::Hash(3), Action::Hash(2)]);
    assert_eq!(asked.headers.len(), 3, "down to the lowest asked for");
    let before = world.chain.state.account(&WRITER).unwrap();
    assert!(before.is_some());
}
