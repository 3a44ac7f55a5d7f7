//! `GET /health/live` and `GET /health/ready`, for probes.

use crate::backend::{Backends, Readiness};
use http::{Method, StatusCode};

/// The answer for a path under `/health`, or `None` if the path is another.
pub(super) fn answer(
    backends: &Backends,
    method: &Method,
    path: &str,
) -> Option<(StatusCode, String)> {
    if !path.starts_with("/health/") {
        return None;
    }
    if method != Method::GET && method != Method::HEAD {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned()));
    }
    Some(match path {
        "/health/live" => (StatusCode::OK, "live\n".to_owned()),
        "/health/ready" => match readiness(backends) {
            Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()),
            Readiness::NotReady { reason } => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
            }
        },
        _ => (StatusCode::NOT_FOUND, "no such probe\n".to_owned()),
    })
}

/// The chain's word, or the operator's at his own address, or the engine's in a process that only follows chains.
fn readiness(backends: &Backends) -> Readiness {
    match (&backends.chain, &backends.admin, &backends.pools) {
        (Some(chain), _, _) => chain.readiness(),
        (None, Some(admin), _) => admin.readiness(),
        (None, None, Some(pools)) => pools.readiness(),
        (None, None, None) => Readiness::Ready,
    }
}
