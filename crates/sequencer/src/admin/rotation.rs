//! A key changed at run time.

use crate::{Ingress, KeyChoice, L1Keys, Role, describe::describe};
use std::{error::Error, sync::Arc, time::Duration};
use weir_keys::KeyError;
use weir_rpc::{BackendError, KeyRotationView, RotateKeyRequest};

/// Lets another key sign for a role.
pub(super) async fn rotate(
    ingress: &Ingress,
    l1: Option<Arc<L1Keys>>,
    role: &str,
    request: RotateKeyRequest,
) -> Result<KeyRotationView, BackendError> {
    let role: Role = role.parse().map_err(|error| refused(&error))?;
    let choice = choice(&request).map_err(|error| refused(&error))?;
    let overlap = request.overlap_ms.map(Duration::from_millis);
    let rotated = match role {
        Role::Receipt => {
            let keys = ingress.receipt_keys().ok_or_else(|| unused(role))?;
            keys.rotate(choice, overlap).await
        }
        Role::L1 if overlap.is_some() => {
            return Err(BackendError::refused("an overlap is of receipts alone"));
        }
        Role::L1 => l1.ok_or_else(|| unused(role))?.rotate(choice).await,
    };
    let rotated = rotated.map_err(|error| refused(&error))?;
    Ok(KeyRotationView { previous: rotated.previous, signer: rotated.signer })
}

fn choice(request: &RotateKeyRequest) -> Result<Option<KeyChoice>, KeyError> {
    let Some(key) = &request.key else { return Ok(None) };
    Ok(Some(KeyChoice { key: key.parse()?, password: request.password.clone() }))
}

fn unused(role: Role) -> BackendError {
    BackendError::refused(format!("this node has no key for the role: role={role}"))
}

fn refused(error: &dyn Error) -> BackendError {
    BackendError::refused(describe(error))
}
