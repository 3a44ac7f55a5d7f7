//! `weir feed tail`, `record` and `replay`.

use crate::{cli::FeedCommand, command::node::block_on};
use std::{future::Future, process::ExitCode};
use weir_feed::{RecordOptions, feed_record, feed_replay, feed_tail};
use weir_runtime::{Shutdown, watch_signals};

/// Reads a feed until interrupted, or a recording to its end; exit 1 if a recording does not hold together.
pub(crate) fn run(command: FeedCommand) -> eyre::Result<ExitCode> {
    match command {
        FeedCommand::Tail { socket, json } => {
            let tail = |shutdown| async move {
                Ok(feed_tail(socket, json, &mut std::io::stdout(), shutdown).await?)
            };
            until_signal(tail)?;
            Ok(ExitCode::SUCCESS)
        }
        FeedCommand::Record { socket, out, blocks } => {
            let options = RecordOptions { blocks_max: blocks, ..RecordOptions::new(socket, out) };
            let report =
                until_signal(|shutdown| async { Ok(feed_record(options, shutdown).await?) })?;
            println!("blocks={} bytes={}", report.blocks, report.bytes);
            Ok(ExitCode::SUCCESS)
        }
        FeedCommand::Replay { file, verify } => {
            let report = feed_replay(&file, verify)?;
            println!("{report}");
            Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
    }
}

fn until_signal<T, F>(command: impl FnOnce(Shutdown) -> F) -> eyre::Result<T>
where
    F: Future<Output = eyre::Result<T>>,
{
    block_on(async {
        let shutdown = Shutdown::new();
        let signals = tokio::spawn(watch_signals(shutdown.clone()));
        let done = command(shutdown).await;
        signals.abort();
        done
    })
}
