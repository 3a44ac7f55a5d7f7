//! `weir proof verify`: the answer of `eth_getProof` against a state root.

use crate::{cli::ProofCommand, command::input::read};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use eyre::Context;
use serde::Deserialize;
use std::process::ExitCode;
use weir_trie::{EMPTY_ROOT_HASH, LeafAccount, TrieError, TrieLeaf, WitnessNodes, prove};

/// What `eth_getProof` answers (EIP-1186).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    address: Address,
    balance: U256,
    nonce: U256,
    code_hash: B256,
    storage_hash: B256,
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotClaim>,
}

#[derive(Debug, Deserialize)]
struct SlotClaim {
    key: U256,
    value: U256,
    proof: Vec<Bytes>,
}

/// The whole response, or the answer alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Response { result: Claim },
    Claim(Claim),
}

/// What a proof shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proven {
    /// The account, as claimed.
    Account,
    /// That there is no such account.
    Absence,
}

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
enum ProofError {
    /// The nodes do not lead from the root to the account or slot.
    #[error("proof is broken: {0}")]
    Broken(#[from] TrieError),
    /// The account is another than the answer says.
    #[error("account differs: field={field} claimed={claimed} proven={proven}")]
    Account { field: &'static str, claimed: String, proven: String },
    /// A slot holds something else than the answer says.
    #[error("slot differs: slot={slot} claimed={claimed} proven={proven}")]
    Slot { slot: U256, claimed: U256, proven: U256 },
    /// The nonce is not one.
    #[error("nonce is out of range: nonce={nonce}")]
    Nonce { nonce: U256 },
}

/// Checks and prints what was found in one line; exit 1 unless the proof shows what the answer says.
pub(crate) fn run(command: ProofCommand) -> eyre::Result<ExitCode> {
    let ProofCommand::Verify { file, root } = command;
    let text = read(&file)?;
    let answer: Answer = serde_json::from_slice(&text)
        .wrap_err_with(|| format!("not an answer of eth_getProof: path={}", file.display()))?;
    let (Answer::Response { result: claim } | Answer::Claim(claim)) = answer;
    Ok(match check(&claim, root) {
        Ok(proven) => {
            let what = match proven {
                Proven::Account => "account",
                Proven::Absence => "absence",
            };
            let (address, slots) = (claim.address, claim.storage_proof.len());
            println!("valid: proven={what} address={address} slots={slots} root={root}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("invalid: {error}");
            ExitCode::from(1)
        }
    })
}

fn check(claim: &Claim, root: B256) -> Result<Proven, ProofError> {
    let storage = claim.storage_proof.iter().flat_map(|slot| &slot.proof);
    let nodes: Vec<Bytes> = claim.account_proof.iter().chain(storage).cloned().collect();
    let keys: Vec<B256> =
        claim.storage_proof.iter().map(|slot| keccak256(B256::from(slot.key))).collect();
    let source = WitnessNodes::new(&nodes);
    let proof = prove(root, keccak256(claim.address), &keys, &source)?;
    let nonce = u64::try_from(claim.nonce).map_err(|_| ProofError::Nonce { nonce: claim.nonce })?;
    let leaf = proof.leaf.unwrap_or_else(|| TrieLeaf {
        account: LeafAccount::default(),
        storage_root: EMPTY_ROOT_HASH,
    });
    let fields = [
        ("nonce", nonce.to_string(), leaf.account.nonce.to_string()),
        ("balance", claim.balance.to_string(), leaf.account.balance.to_string()),
        ("storageHash", claim.storage_hash.to_string(), leaf.storage_root.to_string()),
        ("codeHash", claim.code_hash.to_string(), leaf.account.code_hash.to_string()),
    ];
    for (field, claimed, proven) in fields {
        // Some nodes give zero for the hashes of an account that does not exist.
        let is_zero = proof.leaf.is_none() && claimed == B256::ZERO.to_string();
        if claimed != proven && !is_zero {
            return Err(ProofError::Account { field, claimed, proven });
        }
    }
    for (claimed, proven) in claim.storage_proof.iter().zip(&proof.slots) {
        if claimed.value != proven.value {
            let (slot, proven, claimed) = (claimed.key, proven.value, claimed.value);
            return Err(ProofError::Slot { slot, claimed, proven });
        }
    }
    Ok(if proof.leaf.is_some() { Proven::Account } else { Proven::Absence })
}
