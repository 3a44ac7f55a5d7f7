//! Which key is to sign.

use super::RoleKeysError;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};
use weir_keys::{KeyError, KeySource, Signer};

/// Where the key is, and where its password. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Spelt", into = "Spelt")]
pub struct KeyChoice {
    /// The key.
    pub key: KeySource,
    /// File with the password, if the key is a keystore.
    pub password: Option<PathBuf>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelt {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<PathBuf>,
}

impl KeyChoice {
    /// Opens the key, and makes sure that it signs.
    pub(super) async fn open(self) -> Result<Arc<Signer>, RoleKeysError> {
        // It may block: decrypting a keystore takes a second.
        let open = move || Signer::open(&self.key, self.password.as_deref());
        let opened = tokio::task::spawn_blocking(open).await;
        let signer = opened.map_err(|_| RoleKeysError::Panicked)??;
        signer.check().await?;
        Ok(Arc::new(signer))
    }
}

impl From<KeyChoice> for Spelt {
    fn from(choice: KeyChoice) -> Self {
        Self { key: choice.key.to_string(), password: choice.password }
    }
}

impl TryFrom<Spelt> for KeyChoice {
    type Error = KeyError;

    fn try_from(spelt: Spelt) -> Result<Self, KeyError> {
        Ok(Self { key: spelt.key.parse()?, password: spelt.password })
    }
}
