//! What is known of the keys over restarts.

use super::{KeyChoice, Role, RoleKeysError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use weir_rpc::ReceiptSigner;
use weir_runtime::write_durably;

/// Name of the file in the operator's folder.
const FILE: &str = "keys.json";

/// Which keys an operator has put in the place of the settings', and who signed receipts when. It holds no secret.
#[derive(Debug, Default)]
pub struct KeptKeys {
    /// `None` keeps nothing.
    path: Option<PathBuf>,
    contents: Mutex<Contents>,
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Contents {
    /// Keys that were chosen at run time.
    rotated: BTreeMap<Role, Rotated>,
    /// Oldest first; the last one signs.
    pub(super) receipt_signers: Vec<ReceiptSigner>,
}

/// A key that an operator has chosen at run time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotated {
    /// What the setting said then: once it says something else, it counts again.
    setting: KeyChoice,
    /// The key.
    chosen: KeyChoice,
}

impl Contents {
    /// Notes that `chosen` signs for a role as long as the setting says what it says.
    pub(super) fn choose(&mut self, role: Role, setting: &KeyChoice, chosen: &KeyChoice) {
        if setting == chosen {
            self.rotated.remove(&role);
        } else {
            let (setting, chosen) = (setting.clone(), chosen.clone());
            self.rotated.insert(role, Rotated { setting, chosen });
        }
    }
}

impl KeptKeys {
    /// Reads what earlier runs left in `folder`; without one, nothing is kept.
    ///
    /// # Errors
    /// [`RoleKeysError::Io`] or [`RoleKeysError::Malformed`].
    pub fn read(folder: Option<&Path>) -> Result<Self, RoleKeysError> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        let path = folder.join(FILE);
        let contents = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                RoleKeysError::Malformed { path: path.clone(), reason: error.to_string() }
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(source) => return Err(RoleKeysError::Io { path, source }),
        };
        Ok(Self { path: Some(path), contents: Mutex::new(contents) })
    }

    /// The key that is to sign for a role: the setting's, or the one that was chosen in its place while the setting was the same.
    pub fn choice(&self, role: Role, setting: &KeyChoice) -> KeyChoice {
        match self.contents.lock().rotated.get(&role) {
            Some(rotated) if rotated.setting == *setting => rotated.chosen.clone(),
            _ => setting.clone(),
        }
    }

    pub(super) fn receipt_signers(&self) -> Vec<ReceiptSigner> {
        self.contents.lock().receipt_signers.clone()
    }

    /// Changes the contents: on disk before it returns, or not at all.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, RoleKeysError>,
    ) -> Result<T, RoleKeysError> {
        let mut contents = self.contents.lock();
        let mut changed = contents.clone();
        let result = change(&mut changed)?;
        if changed == *contents {
            return Ok(result);
        }
        if let Some(path) = &self.path {
            let text = serde_json::to_vec_pretty(&changed).expect("texts and numbers are JSON");
            let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
            folder
                .and_then(|()| write_durably(path, &text))
                .map_err(|source| RoleKeysError::Io { path: path.clone(), source })?;
        }
        *contents = changed;
        Ok(result)
    }
}
