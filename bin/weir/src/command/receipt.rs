//! `weir receipt verify`: whether the sequencer signed a receipt.

use crate::{cli::ReceiptCommand, command::input::read};
use eyre::Context;
use serde::Deserialize;
use std::process::ExitCode;
use weir_rpc::{ReceiptError, SignedReceipt};

/// The whole response, or the answer alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Response { result: SignedReceipt },
    Receipt(SignedReceipt),
}

/// Checks and prints what was found in one line; exit 1 unless the signer signed the receipt.
pub(crate) fn run(command: ReceiptCommand) -> eyre::Result<ExitCode> {
    let ReceiptCommand::Verify { file, signer } = command;
    let text = read(&file)?;
    let answer: Answer = serde_json::from_slice(&text)
        .wrap_err_with(|| format!("not a signed receipt: path={}", file.display()))?;
    let (Answer::Response { result: receipt } | Answer::Receipt(receipt)) = answer;
    let verified = receipt.verify().and_then(|()| match signer {
        Some(signer) if signer != receipt.signer => {
            Err(ReceiptError::Signer { signer, recovered: receipt.signer })
        }
        _ => Ok(()),
    });
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
