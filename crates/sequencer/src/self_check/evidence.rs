//! What is kept of a block that did not pass its check.

use alloy_primitives::B256;
use std::{
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};
use weir_evm::{ExecutionWitness, StatelessError};
use weir_primitives::RecoveredBlock;

/// Bundles kept; further ones are not written, so that a bug in every block does not fill the disk.
const BUNDLES_MAX: usize = 64;

/// A block that its witness does not prove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// The block as it was sealed.
    pub(crate) block: &'a RecoveredBlock,
    /// Its witness.
    pub(crate) witness: &'a ExecutionWitness,
    /// What the verifier says.
    pub(crate) error: &'a StatelessError,
    /// The transaction without which the block passes, if one was found.
    pub(crate) offender: Option<B256>,
}

impl Evidence<'_> {
    /// Writes `block.rlp`, `witness.json` and `error.txt` into a folder of their own below `folder`; answers which.
    /// `weir verify block` reads the first two.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        if BUNDLES_MAX <= fs::read_dir(folder)?.count() {
            return Err(io::Error::other(format!("{BUNDLES_MAX} bundles are there already")));
        }
        let number = self.block.header().number;
        let bundle = folder.join(format!("{number}-{}", self.block.hash()));
        fs::create_dir_all(&bundle)?;
        fs::write(bundle.join("block.rlp"), alloy_rlp::encode(self.block.block()))?;
        fs::write(bundle.join("witness.json"), self.witness.to_json().to_string())?;
        fs::write(bundle.join("error.txt"), self.text())?;
        Ok(bundle)
    }

    fn text(&self) -> String {
        let (number, hash) = (self.block.header().number, self.block.hash());
        let mut text = format!("block: number={number} hash={hash}\nerror: {}\n", self.error);
        let mut cause = self.error.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "because: {error}");
            cause = error.source();
        }
        match self.offender {
            Some(hash) => text.push_str(&format!("transaction: {hash}\n")),
            None => text.push_str("transaction: none alone\n"),
        }
        text
    }
}
