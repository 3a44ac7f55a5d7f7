//! `weir receipt verify`: whether the sequencer signed a receipt.

use crate::{cli::ReceiptCommand, command::input::read};
use eyre::Context;
use serde::Deserialize;
use std::{path::Path, process::ExitCode};
use weir_rpc::{ReceiptError, ReceiptSigner, SignedReceipt};
use weir_runtime::{Clock, SystemClock};

/// The whole response, or the answer alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Response { result: T },
    Alone(T),
}

impl<T> Answer<T> {
    fn into_inner(self) -> T {
        match self {
            Self::Response { result } | Self::Alone(result) => result,
        }
    }
}

/// Checks and prints what was found in one line; exit 1 unless the signer signed the receipt.
pub(crate) fn run(command: ReceiptCommand) -> eyre::Result<ExitCode> {
    let ReceiptCommand::Verify { file, signer, signers } = command;
    let signers = signers.as_deref().map(read_signers).transpose()?;
    let text = read(&file)?;
    let answer: Answer<SignedReceipt> = serde_json::from_slice(&text)
        .wrap_err_with(|| format!("not a signed receipt: path={}", file.display()))?;
    let receipt = answer.into_inner();
    let verified = match (signer, signers) {
        (_, Some(signers)) => receipt.verify_by(&signers, now_ms()),
        (Some(signer), None) if signer != receipt.signer => {
            Err(ReceiptError::Signer { signer, recovered: receipt.signer })
        }
        _ => receipt.verify(),
    };
    match verified {
        Ok(()) => {
            let SignedReceipt { transaction_hash, sequence, time_ms, signer, .. } = receipt;
            println!(
                "signed: transaction={transaction_hash} sequence={sequence} time_ms={time_ms} signer={signer}"
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            println!("not signed: {error}");
            Ok(ExitCode::from(1))
        }
    }
}

fn read_signers(path: &Path) -> eyre::Result<Vec<ReceiptSigner>> {
    let answer: Answer<Vec<ReceiptSigner>> = serde_json::from_slice(&read(path)?)
        .wrap_err_with(|| format!("not the signers of receipts: path={}", path.display()))?;
    Ok(answer.into_inner())
}

fn now_ms() -> u64 {
    u64::try_from(SystemClock.now().as_millis()).unwrap_or(u64::MAX)
}
