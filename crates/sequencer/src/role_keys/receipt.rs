//! Who signs receipts.

use super::{KeptKeys, KeyChoice, Role, RoleKeysError, Rotation, kept::Contents};
use crate::sequencing::unix_millis;
use alloy_primitives::{Address, U64};
use parking_lot::Mutex;
use std::{fmt, sync::Arc, time::Duration};
use weir_keys::Signer;
use weir_rpc::ReceiptSigner;
use weir_runtime::Clock;

/// How long the receipts of an earlier key are believed unless told otherwise: as long as a node answers by default for
/// the transactions that they are of.
pub const DEFAULT_KEY_OVERLAP: Duration = crate::DEFAULT_STATUS_RETENTION;

/// Keys that are believed at a time at most.
const SIGNERS_MAX: usize = 32;

/// The key that signs receipts, which can be changed while they are signed, and the earlier ones.
pub struct ReceiptKeys {
    kept: Arc<KeptKeys>,
    /// What the setting says.
    setting: KeyChoice,
    overlap: Duration,
    clock: Arc<dyn Clock>,
    present: Mutex<Present>,
    /// Held while the key is changed: one after the other.
    changing: tokio::sync::Mutex<()>,
}

struct Present {
    signer: Arc<Signer>,
    /// Time of the last receipt, or of the change of the key: none is earlier from now on.
    last_ms: u64,
}

impl ReceiptKeys {
    /// Signs with `signer`, which is what [`KeptKeys::choice`] gives for `setting`. If another key signed in the run before,
    /// that one ends now. `overlap` is how long receipts of a key before are believed.
    ///
    /// # Errors
    /// [`RoleKeysError::Io`] or [`RoleKeysError::TooMany`].
    pub fn begin(
        kept: Arc<KeptKeys>,
        setting: KeyChoice,
        signer: Arc<Signer>,
        overlap: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RoleKeysError> {
        let choice = kept.choice(Role::Receipt, &setting);
        let present = Mutex::new(Present { signer: Arc::clone(&signer), last_ms: 0 });
        let changing = tokio::sync::Mutex::default();
        let keys = Self { kept, setting, overlap, clock, present, changing };
        keys.switch(signer, overlap, &choice)?;
        Ok(keys)
    }

    /// The key that signs now, and the time that goes into its receipt.
    pub(crate) fn next(&self) -> (Arc<Signer>, u64) {
        let mut present = self.present.lock();
        // A clock that was set back must not date a receipt before its key.
        present.last_ms = present.last_ms.max(unix_millis(&*self.clock));
        (Arc::clone(&present.signer), present.last_ms)
    }

    /// The key that signs now, and the earlier ones that are still believed, newest first.
    pub fn signers(&self) -> Vec<ReceiptSigner> {
        let now_ms = U64::from(unix_millis(&*self.clock));
        let mut signers = self.kept.receipt_signers();
        signers.reverse();
        signers.retain(|signer| is_believed(signer, now_ms));
        signers
    }

    /// Signs with another key from now on, after making sure that it does sign: with `choice`, which is kept over restarts as
    /// long as the setting stays the same, or with what the present file now holds. The receipts of the key that signed
    /// are believed for `overlap`, or as long as the setting says.
    ///
    /// # Errors
    /// [`RoleKeysError`], and the key stays.
    pub async fn rotate(
        &self,
        choice: Option<KeyChoice>,
        overlap: Option<Duration>,
    ) -> Result<Rotation, RoleKeysError> {
        let _turn = self.changing.lock().await;
        let choice = choice.unwrap_or_else(|| self.kept.choice(Role::Receipt, &self.setting));
        let signer = choice.clone().open().await?;
        self.switch(signer, overlap.unwrap_or(self.overlap), &choice)
    }

    /// Durable before it is in force: no key signs whose time is not written down.
    fn switch(
        &self,
        signer: Arc<Signer>,
        overlap: Duration,
        choice: &KeyChoice,
    ) -> Result<Rotation, RoleKeysError> {
        let mut present = self.present.lock();
        let address = signer.address();
        let (previous, from_ms) = self.kept.change(|contents| {
            contents.choose(Role::Receipt, &self.setting, choice);
            let last = contents.receipt_signers.last().copied();
            let previous = last.map_or(address, |last| last.signer);
            let from_ms = match last {
                Some(last) if last.signer == address => last.from_ms.to(),
                _ => begin_key(contents, address, self.free_time(&present, last), overlap)?,
            };
            Ok((previous, from_ms))
        })?;
        present.signer = signer;
        present.last_ms = present.last_ms.max(from_ms);
        Ok(Rotation { previous, signer: address })
    }

    /// A time after everything that was signed.
    fn free_time(&self, present: &Present, last: Option<ReceiptSigner>) -> u64 {
        let signed_ms = present.last_ms.max(last.map_or(0, |last| last.from_ms.to()));
        unix_millis(&*self.clock).max(signed_ms.saturating_add(1))
    }
}

/// Ends the time of the key that signed so far, and begins that of another at `from_ms`.
fn begin_key(
    contents: &mut Contents,
    signer: Address,
    from_ms: u64,
    overlap: Duration,
) -> Result<u64, RoleKeysError> {
    let signers = &mut contents.receipt_signers;
    if let Some(last) = signers.last_mut() {
        let until_ms = from_ms.saturating_sub(1);
        let overlap_ms = u64::try_from(overlap.as_millis()).unwrap_or(u64::MAX);
        last.until_ms = Some(U64::from(until_ms));
        last.accepted_until_ms = Some(U64::from(until_ms.saturating_add(overlap_ms)));
    }
    signers.retain(|signer| is_believed(signer, U64::from(from_ms)));
    if SIGNERS_MAX <= signers.len() {
        return Err(RoleKeysError::TooMany { limit: SIGNERS_MAX });
    }
    let from = U64::from(from_ms);
    let (until_ms, accepted_until_ms) = (None, None);
    signers.push(ReceiptSigner { signer, from_ms: from, until_ms, accepted_until_ms });
    Ok(from_ms)
}

fn is_believed(signer: &ReceiptSigner, now_ms: U64) -> bool {
    signer.accepted_until_ms.is_none_or(|until| now_ms <= until)
}

impl fmt::Debug for ReceiptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signer = self.present.lock().signer.address();
        f.debug_struct("ReceiptKeys").field("signer", &signer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use weir_keys::{KeySource, LocalKey};

    /// A clock that tests set, in milliseconds.
    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    const OVERLAP: Duration = Duration::from_millis(1_000);

    struct Bench {
        folder: tempfile::TempDir,
        clock: Arc<Hand>,
    }

    impl Bench {
        fn new() -> Self {
            let bench = Self { folder: tempfile::TempDir::new().unwrap(), clock: Arc::default() };
            for byte in 1..=40u8 {
                let name = bench.folder.path().join(byte.to_string());
                std::fs::write(name, alloy_primitives::hex::encode([byte; 32])).unwrap();
            }
            bench
        }

        fn choice(&self, byte: u8) -> KeyChoice {
            let key = KeySource::File(self.folder.path().join(byte.to_string()));
            KeyChoice { key, password: None }
        }

        /// Keys of a node whose setting names this key.
        fn begin(&self, byte: u8) -> Result<ReceiptKeys, RoleKeysError> {
            let kept = Arc::new(KeptKeys::read(Some(self.folder.path()))?);
            let setting = self.choice(byte);
            let choice = kept.choice(Role::Receipt, &setting);
            let signer = Signer::open(&choice.key, None).unwrap();
            let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
            ReceiptKeys::begin(kept, setting, Arc::new(signer), OVERLAP, clock)
        }

        fn at(&self, ms: u64) {
            self.clock.0.store(ms, Ordering::SeqCst);
        }
    }

    fn address(byte: u8) -> Address {
        LocalKey::from_bytes(&[byte; 32]).unwrap().address()
    }

    /// Signer, from, until and believed until of each key.
    fn times(keys: &ReceiptKeys) -> Vec<(Address, u64, Option<u64>, Option<u64>)> {
        let number = |time: Option<U64>| time.map(|time| time.to());
        let signers = keys.signers().into_iter();
        let time = |signer: ReceiptSigner| {
            let until = (number(signer.until_ms), number(signer.accepted_until_ms));
            (signer.signer, signer.from_ms.to(), until.0, until.1)
        };
        signers.map(time).collect()
    }

    #[tokio::test]
    async fn times_of_keys_touch_and_never_overlap() {
        let bench = Bench::new();
        bench.at(100);
        let keys = bench.begin(1).unwrap();
        assert_eq!(times(&keys), [(address(1), 100, None, None)]);
        bench.at(500);
        assert_eq!(keys.next().1, 500);
        // The clock is set back: the time of the key that signed does not shrink.
        bench.at(200);
        assert_eq!(keys.next().1, 500);
        let rotation = keys.rotate(Some(bench.choice(2)), None).await.unwrap();
        assert_eq!(rotation, Rotation { previous: address(1), signer: address(2) });
        let (signer, time) = keys.next();
        assert_eq!((signer.address(), time), (address(2), 501));
        let first = (address(1), 100, Some(500), Some(1_500));
        assert_eq!(times(&keys), [(address(2), 501, None, None), first]);
        bench.at(1_501);
        assert_eq!(times(&keys), [(address(2), 501, None, None)]);
    }

    #[tokio::test]
    async fn what_was_chosen_goes_on_until_the_setting_changes() {
        let bench = Bench::new();
        bench.at(100);
        let keys = bench.begin(1).unwrap();
        bench.at(200);
        keys.rotate(Some(bench.choice(2)), None).await.unwrap();
        // A clock that is set back over the restart, too.
        bench.at(10);
        let keys = bench.begin(1).unwrap();
        assert_eq!((keys.next().0.address(), keys.next().1), (address(2), 200));
        assert!(!keys.rotate(None, None).await.unwrap().is_change());
        bench.at(300);
        let keys = bench.begin(3).unwrap();
        let [third, second, first] = times(&keys)[..] else { panic!("three keys") };
        assert_eq!((third.0, second.0, first.0), (address(3), address(2), address(1)));
        assert_eq!((third.1, second.2), (300, Some(299)));
        // The setting is as it was, and counts: what was chosen was chosen in its place before the other one.
        let keys = bench.begin(3).unwrap();
        assert_eq!(keys.next().0.address(), address(3));
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_changes_nothing() {
        let bench = Bench::new();
        bench.at(100);
        let keys = bench.begin(1).unwrap();
        let before = times(&keys);
        let error = keys.rotate(Some(bench.choice(99)), None).await.unwrap_err();
        assert!(matches!(error, RoleKeysError::Key(_)), "{error}");
        assert_eq!(times(&keys), before);
        assert_eq!(keys.next().0.address(), address(1));
        // The file of the setting holds another key now.
        std::fs::copy(bench.folder.path().join("2"), bench.folder.path().join("1")).unwrap();
        assert_eq!(keys.rotate(None, None).await.unwrap().signer, address(2));
    }

    #[tokio::test]
    async fn the_number_of_believed_keys_is_bounded_and_a_stolen_one_does_not_count() {
        let bench = Bench::new();
        bench.at(100);
        let keys = bench.begin(1).unwrap();
        for byte in 2..=32 {
            keys.rotate(Some(bench.choice(byte)), None).await.unwrap();
        }
        let error = keys.rotate(Some(bench.choice(33)), None).await.unwrap_err();
        assert!(matches!(error, RoleKeysError::TooMany { limit: 32 }), "{error}");
        assert_eq!(keys.next().0.address(), address(32));
        keys.rotate(Some(bench.choice(33)), Some(Duration::ZERO)).await.unwrap();
        let listed = times(&keys);
        assert_eq!((listed.len(), listed[0].0), (32, address(33)));
        assert!(listed.iter().all(|one| one.0 != address(32)));
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        let bench = Bench::new();
        std::fs::write(bench.folder.path().join("keys.json"), "{\"keys\":1}").unwrap();
        assert!(matches!(bench.begin(1), Err(RoleKeysError::Malformed { .. })));
    }
}
