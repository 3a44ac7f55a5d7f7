//! The parts of the demonstration that are not the node: the L1 process and the live line.

use eyre::{Context, OptionExt};
use std::{
    io::{BufRead, BufReader, IsTerminal, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A development L1 that ends with the demonstration.
#[derive(Debug)]
pub(crate) struct L1 {
    child: Child,
    url: String,
}

impl L1 {
    /// Starts anvil from npm, if it is there.
    pub(crate) fn start(artifacts: &Path) -> eyre::Result<Option<Self>> {
        let platform = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-amd64" };
        let binary = artifacts.join(format!("node_modules/@foundry-rs/anvil-{platform}/bin/anvil"));
        if !binary.exists() {
            return Ok(None);
        }
        let mut child = Command::new(&binary)
            .args(["--port", "0", "--block-time", "2", "--chain-id", "61971"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .wrap_err_with(|| format!("anvil cannot be started: path={}", binary.display()))?;
        let stdout = child.stdout.take().ok_or_eyre("anvil has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        // Keeps the pipe empty; ends when anvil does.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let address = address.ok_or_eyre("anvil ended before it listened")?;
        Ok(Some(Self { child, url: format!("http://{address}") }))
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for L1 {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line that is rewritten in place on a terminal, and printed every few seconds elsewhere.
#[derive(Debug)]
pub(crate) struct LiveLine {
    is_terminal: bool,
    ticks: u64,
}

impl LiveLine {
    /// Ticks between two lines when the output is no terminal.
    const TICKS_PER_LINE: u64 = 5;

    /// A line on standard output.
    pub(crate) fn new() -> Self {
        Self { is_terminal: std::io::stdout().is_terminal(), ticks: 0 }
    }

    /// Shows `text`, called once a second.
    pub(crate) fn tick(&mut self, text: &str) {
        self.ticks += 1;
        if self.is_terminal {
            print!("\r\x1b[2K{text}");
        } else if self.ticks.is_multiple_of(Self::TICKS_PER_LINE) {
            println!("{text}");
        }
        // A closed output ends the program at the next println; there is nobody to tell here.
        let _ = std::io::stdout().flush();
    }

    /// Ends the line.
    pub(crate) fn end(&self) {
        if self.is_terminal {
            println!();
        }
    }
}
