//! Who signs batches and pays for them.

use super::{KeptKeys, KeyChoice, Role, RoleKeysError, Rotation};
use std::{fmt, sync::Arc};
use tokio::sync::{Mutex, watch};
use weir_keys::Signer;

/// The key of the batches, which can be changed while they are posted.
pub struct L1Keys {
    kept: Arc<KeptKeys>,
    /// What the setting says.
    setting: KeyChoice,
    signer: watch::Sender<Arc<Signer>>,
    /// Held while the key is changed: one after the other.
    changing: Mutex<()>,
}

impl L1Keys {
    /// Signs with `signer`, which is what [`KeptKeys::choice`] gives for `setting`.
    pub fn new(kept: Arc<KeptKeys>, setting: KeyChoice, signer: Arc<Signer>) -> Self {
        Self { kept, setting, signer: watch::Sender::new(signer), changing: Mutex::default() }
    }

    /// The key that signs, now and later.
    pub fn watch(&self) -> watch::Receiver<Arc<Signer>> {
        self.signer.subscribe()
    }

    /// Signs with another key from the next batch on, after making sure that it does sign: with `choice`, which is kept over
    /// restarts as long as the setting stays the same, or with what the present file now holds.
    ///
    /// # Errors
    /// [`RoleKeysError`], and the key stays.
    pub async fn rotate(&self, choice: Option<KeyChoice>) -> Result<Rotation, RoleKeysError> {
        let _turn = self.changing.lock().await;
        let choice = choice.unwrap_or_else(|| self.kept.choice(Role::L1, &self.setting));
        let signer = choice.clone().open().await?;
        self.kept.change(|contents| {
            contents.choose(Role::L1, &self.setting, &choice);
            Ok(())
        })?;
        let address = signer.address();
        let previous = self.signer.send_replace(signer).address();
        Ok(Rotation { previous, signer: address })
    }
}

impl fmt::Debug for L1Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signer = self.signer.borrow().address();
        f.debug_struct("L1Keys").field("signer", &signer).finish_non_exhaustive()
    }
}
