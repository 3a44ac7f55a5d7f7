//! `weir_bundleStatus`.

use super::status::PlaceView;
use crate::{
    api::Api,
    args::Args,
    backend::BundleStatus,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_primitives::B256;
use serde::Serialize;

/// What became of a bundle, on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "status")]
enum BundleStatusView {
    Pending { first_block: Quantity, last_block: Quantity, failure: Option<String> },
    Preconfirmed { block_number: Quantity },
    Included(PlaceView),
    Replaced { by: B256 },
    Dropped { code: &'static str, reason: String },
}

impl From<BundleStatus> for BundleStatusView {
    fn from(status: BundleStatus) -> Self {
        match status {
            BundleStatus::Pending { blocks, failure } => Self::Pending {
                first_block: (*blocks.start()).into(),
                last_block: (*blocks.end()).into(),
                failure,
            },
            BundleStatus::Preconfirmed { block } => {
                Self::Preconfirmed { block_number: block.into() }
            }
            BundleStatus::Included(place) => Self::Included(place.into()),
            BundleStatus::Replaced { by } => Self::Replaced { by },
            BundleStatus::Dropped { code, reason } => Self::Dropped { code: code.as_str(), reason },
        }
    }
}

/// `weir_bundleStatus`: `null` if the bundle was never seen, or so long ago that it is forgotten.
pub(crate) fn bundle_status(api: &Api, args: &Args<'_>) -> Answer {
    let status = api.chain().bundle_status(&args.hash(0)?)?;
    Json::of(&status.map(BundleStatusView::from))
}
