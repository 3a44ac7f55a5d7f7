//! Real peers from npm: anvil, cast, Uniswap's bytecode.

use crate::Child;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The folder with `node_modules`, filled by `scripts/setup-npm`.
#[derive(Debug, Clone)]
pub struct Peers {
    root: PathBuf,
}

impl Peers {
    /// The npm packages under `$WEIR_NPM`, or under `e2e/` of the workspace. Says so and returns `None` if there are none.
    pub fn find() -> Option<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
        let root = std::env::var_os("WEIR_NPM").map_or(workspace, PathBuf::from);
        if root.join("node_modules").is_dir() {
            return Some(Self { root });
        }
        println!("skipped: no npm packages, run scripts/setup-npm");
        None
    }

    /// The folder that holds `node_modules`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program of an npm package.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }

    /// Starts anvil on a free port with these arguments, and returns it with its URL once it listens.
    ///
    /// # Panics
    /// If it does not come up within 30 seconds.
    pub fn anvil(&self, arguments: &[&str]) -> (Child, String) {
        let mut command = Command::new(self.anvil_binary());
        let child = Child::start(command.args(["--port", "0"]).args(arguments));
        let line = child.line_with("Listening on", Duration::from_secs(30));
        let address = line.rsplit(' ').next().expect("a line has a last word").to_owned();
        (child, format!("http://{address}"))
    }

    /// The native binary itself: killing the wrapper script would leave it running.
    fn anvil_binary(&self) -> PathBuf {
        let platform = match std::env::consts::ARCH {
            "aarch64" => "linux-arm64",
            _ => "linux-amd64",
        };
        self.root.join(format!("node_modules/@foundry-rs/anvil-{platform}/bin/anvil"))
    }
}
