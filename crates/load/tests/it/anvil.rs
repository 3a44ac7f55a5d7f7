//! An anvil of its own for each test, from the npm packages of `e2e/`.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Stops when dropped.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder that `scripts/setup-npm` fills.
pub(crate) fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e")
}

/// Starts anvil on a free port, or says why the test skips.
pub(crate) fn start(arguments: &[&str]) -> Option<Anvil> {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let program = packages().join(format!("node_modules/@foundry-rs/anvil-{os}-{arch}/bin/anvil"));
    let compiled = packages().join("artifacts/Swapper.json");
    if !program.exists() || !compiled.exists() {
        eprintln!("skipped: the npm packages are absent, run scripts/setup-npm");
        return None;
    }
    let mut child = Command::new(program)
        .args(["--port", "0", "--chain-id", "61972", "--hardfork", "osaka"])
        .args(["--gas-limit", "1000000000"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("anvil starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let listening = lines
        .by_ref()
        .map(|line| line.expect("anvil prints text"))
        .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
        .expect("anvil says where it listens");
    // Read on, or anvil blocks on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Some(Anvil { child, url: format!("http://{listening}") })
}
