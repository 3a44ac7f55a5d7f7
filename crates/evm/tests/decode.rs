//! Raw bytes to transactions: what is taken, and what each refusal is called.

mod common;

use alloy_consensus::TxEip4844;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Signature, U256, hex};
use common::{CHAIN_ID, account, dynamic, key, legacy, sign};
use proptest::prelude::*;
use weir_evm::{
    DecodeError, Fork, decode_transaction, intrinsic_gas, recover_sender, validate_context_free,
};
use weir_primitives::Transaction;

fn samples() -> Vec<Transaction> {
    let blob = TxEip4844 {
        chain_id: CHAIN_ID,
        blob_versioned_hashes: vec![B256::repeat_byte(1)],
        ..Default::default()
    };
    let to = Address::repeat_byte(2);
    vec![sign(legacy(3, to), key(0)), sign(dynamic(4, to), key(0)), sign(blob, key(0))]
}

#[test]
fn what_is_signed_comes_back() {
    for tx in samples() {
        let decoded = decode_transaction(&tx.encoded_2718()).unwrap();
        assert_eq!(decoded, tx);
        assert_eq!(recover_sender(&decoded), Ok(account(0)));
    }
}

#[test]
fn each_refusal_has_its_own_name() {
    assert_eq!(decode_transaction(&[]), Err(DecodeError::Empty));
    assert_eq!(decode_transaction(&[5, 0xc0]), Err(DecodeError::UnknownType { ty: 5 }));
    assert_eq!(decode_transaction(&[0, 0xc0]), Err(DecodeError::UnknownType { ty: 0 }));
    assert!(matches!(decode_transaction(&[0xc1, 0x80]), Err(DecodeError::Rlp(_))));
    for tx in samples() {
        let mut raw = tx.encoded_2718();
        for len in 1..raw.len() {
            assert!(decode_transaction(&raw[..len]).is_err());
        }
        raw.push(0);
        assert_eq!(decode_transaction(&raw), Err(DecodeError::TrailingBytes { trailing: 1 }));
    }
    let sidecar = hex!("03f8c6f8c4");
    assert_eq!(
        decode_transaction(&sidecar),
        Err(DecodeError::Rlp(alloy_rlp::Error::InputTooShort))
    );
    assert_eq!(decode_transaction(&hex!("03c6c4808080 80c0")), Err(DecodeError::BlobSidecar));
}

#[test]
fn malleable_and_absent_signatures_are_refused() {
    let Transaction::Legacy(tx) = &samples()[0] else { panic!("the first is legacy") };
    let order = U256::from_be_bytes(hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let with = |r, s, parity| -> Vec<u8> {
        use alloy_consensus::SignableTransaction;
        let tx: Transaction = tx.tx().clone().into_signed(Signature::new(r, s, parity)).into();
        tx.encoded_2718()
    };
    let (r, s, parity) = (tx.signature().r(), tx.signature().s(), tx.signature().v());
    assert_eq!(decode_transaction(&with(r, order - s, !parity)), Err(DecodeError::HighS));
    assert_eq!(decode_transaction(&with(r, U256::ZERO, parity)), Err(DecodeError::ZeroSignature));
    assert_eq!(decode_transaction(&with(U256::ZERO, s, parity)), Err(DecodeError::ZeroSignature));
}

#[test]
fn intrinsic_gas_follows_the_fork() {
    let mut tx = legacy(0, Address::repeat_byte(2));
    tx.input = vec![1; 10].into();
    let tx = sign(tx, key(0));
    assert_eq!(intrinsic_gas(&tx, Fork::Frontier).intrinsic, 21_000 + 680);
    assert_eq!(intrinsic_gas(&tx, Fork::Istanbul).intrinsic, 21_000 + 160);
    assert_eq!(intrinsic_gas(&tx, Fork::Cancun).floor, 0);
    let prague = intrinsic_gas(&tx, Fork::Prague);
    assert_eq!((prague.floor, prague.gas_limit_min()), (21_400, 21_400));
    assert_eq!(validate_context_free(&tx, Fork::Osaka, CHAIN_ID), Ok(prague));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_decodes_encodes_to_itself(
        sample in 0usize..3,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        random in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut raw = samples()[sample].encoded_2718();
        for (at, byte) in edits {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        for raw in [raw, random] {
            if let Ok(tx) = decode_transaction(&raw) {
                prop_assert_eq!(tx.encoded_2718(), raw);
            }
        }
    }
}
