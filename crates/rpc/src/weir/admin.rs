//! `weir_admin*`: served on the operator's address alone.

use crate::{
    api::Api,
    args::Args,
    backend::{AdminBackend, RotateKeyRequest},
    error::{METHOD_NOT_FOUND, RpcError},
    json::{Answer, Json},
    message::Params,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1_024;

fn admin(api: &Api) -> Result<&dyn AdminBackend, RpcError> {
    let absent = || RpcError::new(METHOD_NOT_FOUND, "this address serves no admin methods");
    api.backends.admin.as_deref().ok_or_else(absent)
}

/// `weir_adminStatus`: how the node stands.
pub(crate) fn admin_status(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&admin(api)?.status())
}

/// `weir_adminHalt`: halts a scope until it is resumed.
pub(crate) fn admin_halt(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    let reason = args.string(1)?;
    if REASON_BYTES_MAX < reason.len() {
        let bytes = reason.len();
        let message = format!("reason is too long: bytes={bytes} bytes_max={REASON_BYTES_MAX}");
        return Err(RpcError::invalid_params(message));
    }
    admin(api)?.halt(caller, &args.string(0)?, &reason)?;
    Json::of(&true)
}

/// `weir_adminResume`: lets a scope go on; answers whether it was halted.
pub(crate) fn admin_resume(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    Json::of(&admin(api)?.resume(caller, &args.string(0)?)?)
}

/// `weir_adminDropTransaction`: answers whether it was in the pool.
pub(crate) fn admin_drop_transaction(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    Json::of(&admin(api)?.drop_transaction(caller, args.hash(0)?)?)
}

/// `weir_adminDropSender`: answers the hashes that were dropped.
pub(crate) fn admin_drop_sender(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    Json::of(&admin(api)?.drop_sender(caller, args.address(0)?)?)
}

/// `weir_adminSetLogFilter`: what is logged from now on.
pub(crate) fn admin_set_log_filter(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    admin(api)?.set_log_filter(caller, &args.string(0)?)?;
    Json::of(&true)
}

/// `weir_adminCompactJournal`: answers the bytes that are left.
pub(crate) fn admin_compact_journal(api: &Api, _: &Args<'_>, caller: &str) -> Answer {
    Json::of(&admin(api)?.compact_journal(caller)?)
}

/// `weir_adminDrain`: no more transactions, the pool into blocks, then the end.
pub(crate) fn admin_drain(api: &Api, _: &Args<'_>, caller: &str) -> Answer {
    admin(api)?.drain(caller)?;
    Json::of(&true)
}

/// `weir_adminLimits`: the limits in force, without API keys.
pub(crate) fn admin_limits(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&*admin(api)?.limits()?)
}

/// `weir_adminSetLimits`: puts other limits in force, given in TOML.
pub(crate) fn admin_set_limits(api: &Api, args: &Args<'_>, caller: &str) -> Answer {
    admin(api)?.set_limits(caller, &args.value::<String>(0)?)?;
    Json::of(&true)
}

/// `weir_adminRotateKey`: lets another key sign for a role; answers the addresses of both.
pub(crate) fn admin_rotate_key(
    api: Arc<Api>,
    params: Params,
    caller: String,
) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let (role, request): (String, Option<RotateKeyRequest>) = {
            let args = Args::read(&params, 2)?;
            (args.string(0)?, args.optional(1)?)
        };
        let rotated = admin(&api)?.rotate_key(caller, role, request.unwrap_or_default());
        Json::of(&rotated.await?)
    })
}
