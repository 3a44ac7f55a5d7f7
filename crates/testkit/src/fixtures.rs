//! Ethereum's conformance data.

use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// One archive of fixtures, unpacked for as long as this value lives.
#[derive(Debug)]
pub struct Archive {
    folder: TempDir,
}

impl Archive {
    /// Where it is unpacked.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Unpacks `NAME.tar.xz` from `$WEIR_FIXTURES`, or from `../shared/fixtures` beside the workspace. Says so and returns
/// `None` if it is not there.
///
/// # Panics
/// If the archive is there and cannot be unpacked.
pub fn fixtures(name: &str) -> Option<Archive> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os("WEIR_FIXTURES").map_or(beside, PathBuf::from);
    let archive = root.join(format!("{name}.tar.xz"));
    if !archive.is_file() {
        println!("skipped: no {name}.tar.xz in {}", root.display());
        return None;
    }
    let folder = TempDir::new().expect("a temporary folder can be made");
    let tar = Command::new("tar").arg("xJf").arg(&archive).arg("-C").arg(folder.path()).status();
    assert!(tar.expect("tar runs").success(), "{} unpacks", archive.display());
    Some(Archive { folder })
}
