//! `weir feed tail`.

use crate::{cli::FeedCommand, command::node::block_on};
use std::process::ExitCode;
use weir_feed::feed_tail;
use weir_runtime::{Shutdown, watch_signals};

/// Prints the stream until interrupted.
pub(crate) fn run(command: FeedCommand) -> eyre::Result<ExitCode> {
    let FeedCommand::Tail { socket, json } = command;
    block_on(async {
        let shutdown = Shutdown::new();
        let signals = tokio::spawn(watch_signals(shutdown.clone()));
        let tailed = feed_tail(socket, json, &mut std::io::stdout(), shutdown).await;
        signals.abort();
        tailed?;
        Ok(ExitCode::SUCCESS)
    })
}
