//! Whose receipts are believed, and for which times. `docs/spec/receipt.md` draws it.

use super::{ReceiptError, SignedReceipt};
use alloy_primitives::{Address, U64};
use serde::{Deserialize, Serialize};

/// A key that signs receipts, or did. Times are Unix times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptSigner {
    /// Address of the key.
    pub signer: Address,
    /// No receipt that it signed is of an earlier time.
    pub from_ms: U64,
    /// No receipt that it signed is of a later time; `None` for the key that signs now.
    pub until_ms: Option<U64>,
    /// Until when its receipts are to be believed; `None` for the key that signs now.
    pub accepted_until_ms: Option<U64>,
}

impl ReceiptSigner {
    /// Whether it signs now.
    pub const fn is_current(&self) -> bool {
        self.until_ms.is_none()
    }

    /// Whether it signed at this time.
    fn signed_at(&self, time_ms: U64) -> bool {
        self.from_ms <= time_ms && self.until_ms.is_none_or(|until| time_ms <= until)
    }

    fn is_accepted(&self, now_ms: u64) -> bool {
        self.accepted_until_ms.is_none_or(|until| U64::from(now_ms) <= until)
    }
}

impl SignedReceipt {
    /// Checks that one of `signers` signed it, at a time at which that key signed receipts, and that the key is believed at
    /// `now_ms`.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify_by(&self, signers: &[ReceiptSigner], now_ms: u64) -> Result<(), ReceiptError> {
        self.verify()?;
        let signer = self.signer;
        let its: Vec<_> = signers.iter().filter(|one| one.signer == signer).collect();
        if its.is_empty() {
            return Err(ReceiptError::UnknownSigner { signer });
        }
        let at_its_time: Vec<_> = its.iter().filter(|one| one.signed_at(self.time_ms)).collect();
        if at_its_time.is_empty() {
            return Err(ReceiptError::WrongTime { signer, time_ms: self.time_ms.to() });
        }
        if at_its_time.iter().any(|one| one.is_accepted(now_ms)) {
            return Ok(());
        }
        Err(ReceiptError::Retired { signer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    /// A receipt whose signature is by the first development account.
    fn receipt(time_ms: u64) -> SignedReceipt {
        let key = weir_keys::LocalKey::from_bytes(&[7; 32]).unwrap();
        let mut receipt = SignedReceipt {
            transaction_hash: B256::repeat_byte(1),
            sequence: U64::from(5),
            time_ms: U64::from(time_ms),
            chain_id: U64::from(1),
            signer: key.address(),
            signature: Default::default(),
        };
        receipt.signature = key.sign(&receipt.signing_data()).as_bytes().into();
        receipt
    }

    fn signer(from_ms: u64, until: Option<(u64, u64)>) -> ReceiptSigner {
        ReceiptSigner {
            signer: receipt(0).signer,
            from_ms: U64::from(from_ms),
            until_ms: until.map(|(until, _)| U64::from(until)),
            accepted_until_ms: until.map(|(_, accepted)| U64::from(accepted)),
        }
    }

    #[test]
    fn an_earlier_key_is_believed_for_its_time_until_its_overlap_ends() {
        let old = [signer(100, Some((200, 1_000)))];
        for (time, now, expected) in [
            (100, 150, Ok(())),
            (200, 1_000, Ok(())),
            (200, 1_001, Err("retired")),
            (99, 150, Err("time")),
            (201, 250, Err("time")),
        ] {
            let verified = receipt(time).verify_by(&old, now).map_err(|error| error.to_string());
            match expected {
                Ok(()) => assert_eq!(verified, Ok(()), "{time} {now}"),
                Err(why) => assert!(verified.unwrap_err().contains(why), "{time} {now}"),
            }
        }
        assert_eq!(receipt(u64::MAX).verify_by(&[signer(100, None)], u64::MAX), Ok(()));
    }

    #[test]
    fn a_key_that_signs_again_has_two_times() {
        let signers = [signer(300, None), signer(100, Some((200, 250)))];
        assert_eq!(receipt(400).verify_by(&signers, 500), Ok(()));
        let signer = receipt(0).signer;
        assert_eq!(receipt(150).verify_by(&signers, 500), Err(ReceiptError::Retired { signer }));
        assert!(matches!(
            receipt(250).verify_by(&signers, 500),
            Err(ReceiptError::WrongTime { .. })
        ));
    }

    #[test]
    fn a_stranger_is_named() {
        let stranger = ReceiptSigner { signer: Address::repeat_byte(9), ..signer(0, None) };
        let error = receipt(1).verify_by(&[stranger], 1).unwrap_err();
        assert_eq!(error, ReceiptError::UnknownSigner { signer: receipt(0).signer });
        let mut forged = receipt(1);
        forged.sequence = U64::from(6);
        assert!(matches!(
            forged.verify_by(&[signer(0, None)], 1),
            Err(ReceiptError::Signer { .. })
        ));
    }
}
