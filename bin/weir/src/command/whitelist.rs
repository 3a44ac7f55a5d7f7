//! `weir whitelist publish`.

use crate::{cli::WhitelistCommand, command::node::block_on};
use eyre::{Context, OptionExt};
use std::process::ExitCode;
use weir_feed::{AcknowledgementWait, PublishOptions, WhitelistKind, publish_whitelist};

/// Publishes a list and prints what was published.
pub(crate) fn run(command: WhitelistCommand) -> eyre::Result<ExitCode> {
    let WhitelistCommand::Publish { file, nats, chain_id, kind, wait, timeout } = command;
    let json = std::fs::read(&file)
        .wrap_err_with(|| format!("whitelist cannot be read: path={}", file.display()))?;
    let named = nats.chain().and_then(|chain| chain.parse().ok());
    let chain_id = chain_id.or(named).ok_or_eyre("which chain? nats://SERVER#ID or --chain-id")?;
    let options = PublishOptions {
        kind: match kind {
            crate::cli::WhitelistKindArg::Full => WhitelistKind::Full,
            crate::cli::WhitelistKindArg::Add => WhitelistKind::Add,
            crate::cli::WhitelistKindArg::Remove => WhitelistKind::Remove,
        },
        wait: (wait > 0).then_some(AcknowledgementWait { count: wait, timeout }),
        ..PublishOptions::new(nats, chain_id)
    };
    let published = block_on(async { Ok(publish_whitelist(&options, &json).await?) })?;
    println!(
        "published pools={} chunks={} snapshot_id={} digest={}",
        published.pools, published.chunks, published.version.snapshot_id, published.digest
    );
    for applied in &published.applied {
        println!(
            "applied block={} added={} removed={} hydrated={} rejected={}",
            applied.block, applied.added, applied.removed, applied.hydrated, applied.rejected_total
        );
    }
    Ok(ExitCode::SUCCESS)
}
