//! `weir journal dump`.

use crate::cli::JournalCommand;
use alloy_primitives::Bytes;
use eyre::Context;
use serde_json::json;
use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};
use weir_storage::JournalContents;

/// Prints one JSON object a record, and one for a torn tail.
pub(crate) fn run(command: JournalCommand) -> eyre::Result<ExitCode> {
    let JournalCommand::Dump { path } = command;
    let contents = JournalContents::read(&path)
        .wrap_err_with(|| format!("journal cannot be read: path={}", path.display()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    for (offset, record) in contents.records {
        let payload = Bytes::from(record.payload);
        let line = json!({ "offset": offset, "kind": record.kind, "bytes": payload.len(), "payload": payload });
        writeln!(out, "{line}")?;
    }
    if contents.torn_bytes > 0 {
        let line = json!({ "offset": contents.whole_bytes, "tornBytes": contents.torn_bytes });
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
