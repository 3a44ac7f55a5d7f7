//! The keys of a node's roles, opened as the settings say.

use crate::{node::operator_folder, settings::Settings};
use eyre::Context;
use std::{convert::Infallible, sync::Arc};
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_keys::{KeySource, Signer};
use weir_runtime::{Shutdown, SystemClock, TaskSet};
use weir_sequencer::{KeptKeys, KeyChoice, L1Keys, ReceiptKeys, Role, RoleKeysError, Rotation};

/// The keys that a node signs with.
#[derive(Debug)]
pub(crate) struct NodeKeys {
    /// `None` without `--receipt-key`.
    pub(crate) receipt: Option<Arc<ReceiptKeys>>,
    /// `None` without `--l1-key`.
    pub(crate) l1: Option<Arc<L1Keys>>,
}

impl NodeKeys {
    /// Opens the keys that the settings name, or those that an operator has put in their place.
    pub(crate) async fn open(settings: &Settings) -> eyre::Result<Self> {
        let kept = Arc::new(KeptKeys::read(operator_folder(settings).as_deref())?);
        let choice = |key: &Option<KeySource>, password: &Option<_>| {
            key.clone().map(|key| KeyChoice { key, password: password.clone() })
        };
        let mut keys = Self { receipt: None, l1: None };
        if let Some(setting) = choice(&settings.receipt_key, &settings.receipt_key_password) {
            let signer = open(Role::Receipt, &kept, &setting).await?;
            let (overlap, clock) = (settings.receipt_key_overlap, Arc::new(SystemClock));
            let begun = ReceiptKeys::begin(Arc::clone(&kept), setting, signer, overlap, clock);
            keys.receipt = Some(Arc::new(begun?));
        }
        if let Some(setting) = choice(&settings.l1_key, &settings.l1_key_password)
            && settings.l1.is_some()
        {
            let signer = open(Role::L1, &kept, &setting).await?;
            keys.l1 = Some(Arc::new(L1Keys::new(kept, setting, signer)));
        }
        Ok(keys)
    }

    /// Reads the files of the keys again whenever the process gets SIGHUP.
    pub(crate) fn watch(&self, tasks: &mut TaskSet) -> eyre::Result<()> {
        if self.receipt.is_none() && self.l1.is_none() {
            return Ok(());
        }
        let hangup = signal(SignalKind::hangup()).wrap_err("SIGHUP cannot be watched")?;
        let keys = Self { receipt: self.receipt.clone(), l1: self.l1.clone() };
        tasks.spawn("keys", keys.reread(hangup, tasks.shutdown().clone()));
        Ok(())
    }

    /// A key that cannot be used is reported and changes nothing.
    async fn reread(self, mut hangup: Signal, shutdown: Shutdown) -> Result<(), Infallible> {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = hangup.recv() => {}
            }
            if let Some(keys) = &self.receipt {
                report(Role::Receipt, keys.rotate(None, None).await);
            }
            if let Some(keys) = &self.l1 {
                report(Role::L1, keys.rotate(None).await);
            }
        }
    }
}

/// Opens the key of a role. One that a remote signer does not hold stops the start; a signer that is away is told in the log, and
/// asked again when there is something to sign.
async fn open(role: Role, kept: &KeptKeys, setting: &KeyChoice) -> eyre::Result<Arc<Signer>> {
    let KeyChoice { key, password } = kept.choice(role, setting);
    let place = || format!("key cannot be used: role={role} key={key}");
    let signer = Signer::open(&key, password.as_deref()).wrap_err_with(place)?;
    match signer.check().await {
        Ok(()) => tracing::info!(%role, address = %signer.address(), "key is ready"),
        Err(error) if error.is_transient() => {
            tracing::warn!(%role, address = %signer.address(), %error, "key does not sign yet");
        }
        Err(error) => return Err(error).wrap_err_with(place),
    }
    Ok(Arc::new(signer))
}

fn report(role: Role, rotated: Result<Rotation, RoleKeysError>) {
    match rotated {
        Ok(rotation) => {
            let is_change = rotation.is_change();
            tracing::info!(%role, signer = %rotation.signer, is_change, "key was read again");
        }
        Err(error) => {
            let error = format!("{:#}", eyre::Report::new(error));
            tracing::warn!(%role, error, "key stays as it is");
        }
    }
}
