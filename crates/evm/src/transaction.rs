//! Raw bytes to transactions, their senders, and what they cost at least.

use crate::{ChainSpec, Fork, threads::prelude::*};
use alloy_consensus::{
    Transaction as _, TxLegacy,
    crypto::SECP256K1N_HALF,
    transaction::{RlpEcdsaDecodableTx, SignerRecoverable},
};
use alloy_eips::eip2718::{
    Decodable2718, EIP4844_TX_TYPE_ID, EIP7702_TX_TYPE_ID, Eip2718Error, Encodable2718,
};
use alloy_primitives::{Address, B256};
use alloy_rlp::Header as RlpHeader;
use revm::{context_interface::cfg::GasParams, primitives::hardfork::SpecId};
use weir_primitives::{Block, RecoveredBlock, SenderError, Transaction};

/// First byte of an RLP list.
const RLP_LIST_MIN: u8 = 0xc0;
/// Highest first byte of a typed transaction (EIP-2718).
const TYPE_BYTE_MAX: u8 = 0x7f;

/// Why bytes are not a transaction (or a block) that Weir takes. The sender must fix the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("transaction is empty")]
    Empty,
    /// The type byte (EIP-2718) is none of 1 to 4.
    #[error("transaction type is unknown: type={ty}")]
    UnknownType {
        /// The type byte.
        ty: u8,
    },
    /// A blob transaction with its sidecar (EIP-4844 network form); blobs travel on L1 only.
    #[error("blob transaction carries its sidecar: send the form without blobs")]
    BlobSidecar,
    /// The bytes are not the RLP of a transaction.
    #[error("transaction is not valid rlp: {0}")]
    Rlp(alloy_rlp::Error),
    /// Bytes follow the transaction.
    #[error("bytes follow the transaction: trailing={trailing}")]
    TrailingBytes {
        /// How many.
        trailing: usize,
    },
    /// The bytes decode, but they are not the one encoding of what they say.
    #[error("transaction is not canonically encoded")]
    NotCanonical,
    /// The signature's `s` is in the upper half of the curve order (EIP-2).
    #[error("signature is malleable: s is above half the curve order")]
    HighS,
    /// The signature's `r` or `s` is zero.
    #[error("signature is absent")]
    ZeroSignature,
}

impl From<Eip2718Error> for DecodeError {
    fn from(error: Eip2718Error) -> Self {
        match error {
            Eip2718Error::UnexpectedType(ty) => Self::UnknownType { ty },
            Eip2718Error::RlpError(error) => Self::Rlp(error),
            _ => Self::NotCanonical,
        }
    }
}

/// Decodes one signed transaction as `eth_sendRawTransaction` receives it (EIP-2718).
///
/// Strict: all bytes are consumed, encoding the result gives them back, and the signature is not malleable.
pub fn decode_transaction(raw: &[u8]) -> Result<Transaction, DecodeError> {
    let tx = decode_historic_transaction(raw)?;
    if SECP256K1N_HALF < tx.signature().s() {
        return Err(DecodeError::HighS);
    }
    Ok(tx)
}

/// [`decode_transaction`] without the rule against malleable signatures, which blocks before Homestead do not know.
pub fn decode_historic_transaction(raw: &[u8]) -> Result<Transaction, DecodeError> {
    let first = *raw.first().ok_or(DecodeError::Empty)?;
    if first <= TYPE_BYTE_MAX && !(1..=EIP7702_TX_TYPE_ID).contains(&first) {
        return Err(DecodeError::UnknownType { ty: first });
    }
    if first == EIP4844_TX_TYPE_ID && is_sidecar_form(&raw[1..]) {
        return Err(DecodeError::BlobSidecar);
    }
    let mut rest = raw;
    let tx = if RLP_LIST_MIN <= first {
        // Directly, because the envelope's decoder names no reason for what starts like a list and is none.
        TxLegacy::rlp_decode_signed(&mut rest).map_err(DecodeError::Rlp)?.into()
    } else {
        Transaction::decode_2718(&mut rest)?
    };
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes { trailing: rest.len() });
    }
    if tx.encode_2718_len() != raw.len() || tx.encoded_2718() != raw {
        return Err(DecodeError::NotCanonical);
    }
    let signature = tx.signature();
    if signature.r().is_zero() || signature.s().is_zero() {
        return Err(DecodeError::ZeroSignature);
    }
    Ok(tx)
}

/// Whether the payload of a blob transaction is a list whose first item is a list.
fn is_sidecar_form(mut payload: &[u8]) -> bool {
    let Ok(header) = RlpHeader::decode(&mut payload) else { return false };
    header.list && payload.first().is_some_and(|first| RLP_LIST_MIN <= *first)
}

/// Decodes a block; strict in the same way as [`decode_transaction`], signatures apart.
pub fn decode_block(raw: &[u8]) -> Result<Block, DecodeError> {
    let mut rest = raw;
    let block: Block = alloy_rlp::Decodable::decode(&mut rest).map_err(DecodeError::Rlp)?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes { trailing: rest.len() });
    }
    if alloy_rlp::encode(&block) != raw {
        return Err(DecodeError::NotCanonical);
    }
    Ok(block)
}

/// A signature from which no address can be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not recover: transaction={hash}")]
pub struct SignatureError {
    /// Hash of the transaction.
    pub hash: B256,
}

/// Recovers the sender with libsecp256k1; a malleable signature is refused (EIP-2).
pub fn recover_sender(tx: &Transaction) -> Result<Address, SignatureError> {
    tx.recover_signer().map_err(|_| SignatureError { hash: *tx.tx_hash() })
}

/// Recovers the sender by the rules of `fork`: before Homestead a malleable signature is as good as any.
pub fn recover_sender_at(tx: &Transaction, fork: Fork) -> Result<Address, SignatureError> {
    if Fork::Homestead <= fork {
        return recover_sender(tx);
    }
    tx.recover_signer_unchecked().map_err(|_| SignatureError { hash: *tx.tx_hash() })
}

/// Hashes the header of a block and recovers its senders by the rules of the block's fork, on the threads that are
/// free.
pub fn recover_block(spec: &ChainSpec, block: Block) -> Result<RecoveredBlock, SenderError> {
    let fork = spec.fork_of(&block.header);
    let senders = block
        .body
        .transactions
        .par_iter()
        .enumerate()
        .map(|(index, tx)| recover_sender_at(tx, fork).map_err(|_| SenderError { index }))
        .collect::<Result<_, _>>()?;
    let hash = block.header.hash_slow();
    Ok(RecoveredBlock::new(block, hash, senders))
}

/// Gas that a transaction needs before its first instruction runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntrinsicGas {
    /// Charged up front: base cost, input bytes, access list, authorizations, creation (EIP-2028, 2930, 3860, 7702).
    pub intrinsic: u64,
    /// The least that is charged in the end (EIP-7623); zero before Prague.
    pub floor: u64,
}

impl IntrinsicGas {
    /// The smallest gas limit with which the transaction is valid.
    pub const fn gas_limit_min(&self) -> u64 {
        if self.intrinsic < self.floor { self.floor } else { self.intrinsic }
    }
}

/// Intrinsic gas of `tx` under the rules of `fork`.
pub fn intrinsic_gas(tx: &Transaction, fork: Fork) -> IntrinsicGas {
    let (addresses, slots) = tx
        .access_list()
        .map_or((0, 0), |list| (list.len() as u64, list.storage_keys_count() as u64));
    let authorizations = tx.authorization_list().map_or(0, |list| list.len() as u64);
    let gas = GasParams::new_spec(spec_id(fork)).initial_tx_gas(
        tx.input(),
        tx.is_create(),
        addresses,
        slots,
        authorizations,
        None,
    );
    IntrinsicGas { intrinsic: gas.initial_total_gas(), floor: gas.floor_gas() }
}

/// The EVM's name of a fork.
pub(crate) const fn spec_id(fork: Fork) -> SpecId {
    match fork {
        Fork::Frontier => SpecId::FRONTIER,
        Fork::Homestead | Fork::Dao => SpecId::HOMESTEAD,
        Fork::Tangerine => SpecId::TANGERINE,
        Fork::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
        Fork::Byzantium => SpecId::BYZANTIUM,
        // Constantinople was replaced by Petersburg before it ran anywhere; revm starts at Petersburg.
        Fork::Constantinople | Fork::Petersburg => SpecId::PETERSBURG,
        Fork::Istanbul | Fork::MuirGlacier => SpecId::ISTANBUL,
        Fork::Berlin => SpecId::BERLIN,
        Fork::London | Fork::ArrowGlacier | Fork::GrayGlacier => SpecId::LONDON,
        Fork::Paris => SpecId::MERGE,
        Fork::Shanghai => SpecId::SHANGHAI,
        Fork::Cancun => SpecId::CANCUN,
        Fork::Prague => SpecId::PRAGUE,
        Fork::Osaka | Fork::Bpo1 | Fork::Bpo2 | Fork::Bpo3 | Fork::Bpo4 | Fork::Bpo5 => {
            SpecId::OSAKA
        }
        _ => SpecId::AMSTERDAM,
    }
}
