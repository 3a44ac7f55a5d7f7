//! `weir_admin*`: served on the operator's address alone.

use crate::{
    api::Api,
    args::Args,
    backend::AdminBackend,
    error::{METHOD_NOT_FOUND, RpcError},
    json::{Answer, Json},
};

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
pub(crate) fn admin_halt(api: &Api, args: &Args<'_>) -> Answer {
    let reason = args.string(1)?;
    if REASON_BYTES_MAX < reason.len() {
        let bytes = reason.len();
        let message = format!("reason is too long: bytes={bytes} bytes_max={REASON_BYTES_MAX}");
        return Err(RpcError::invalid_params(message));
    }
    admin(api)?.halt(&args.string(0)?, &reason)?;
    Json::of(&true)
}

/// `weir_adminResume`: lets a scope go on; answers whether it was halted.
pub(crate) fn admin_resume(api: &Api, args: &Args<'_>) -> Answer {
    Json::of(&admin(api)?.resume(&args.string(0)?)?)
}

/// `weir_adminDropTransaction`: answers whether it was in the pool.
pub(crate) fn admin_drop_transaction(api: &Api, args: &Args<'_>) -> Answer {
    Json::of(&admin(api)?.drop_transaction(args.hash(0)?)?)
}

/// `weir_adminDropSender`: answers the hashes that were dropped.
pub(crate) fn admin_drop_sender(api: &Api, args: &Args<'_>) -> Answer {
    Json::of(&admin(api)?.drop_sender(args.address(0)?)?)
}

/// `weir_adminSetLogFilter`: what is logged from now on.
pub(crate) fn admin_set_log_filter(api: &Api, args: &Args<'_>) -> Answer {
    admin(api)?.set_log_filter(&args.string(0)?)?;
    Json::of(&true)
}

/// `weir_adminCompactJournal`: answers the bytes that are left.
pub(crate) fn admin_compact_journal(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&admin(api)?.compact_journal()?)
}

/// `weir_adminDrain`: no more transactions, the pool into blocks, then the end.
pub(crate) fn admin_drain(api: &Api, _: &Args<'_>) -> Answer {
    admin(api)?.drain()?;
    Json::of(&true)
}
