//! A real NATS server for one test.

use crate::Child;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Time to start.
const START: Duration = Duration::from_secs(30);

/// A `nats-server` of its own on a port of its own. It ends with the test; it can be stopped and started on the same port.
#[derive(Debug)]
pub struct NatsServer {
    binary: PathBuf,
    /// Holds the configuration; removed with the server.
    folder: TempDir,
    child: Option<Child>,
    port: u16,
}

impl NatsServer {
    /// Starts the `nats-server` at `$WEIR_NATS_SERVER`, in `$PATH` or in `/usr/sbin`. Says so and returns `None` if
    /// there is none.
    ///
    /// # Panics
    /// If it does not come up within 30 seconds.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// As [`NatsServer::start`] with lines of `nats-server` configuration (`max_payload: 65536`, for example).
    ///
    /// # Panics
    /// If it does not come up within 30 seconds.
    pub fn start_with(configuration: &str) -> Option<Self> {
        let Some(binary) = find() else {
            println!("skipped: no nats-server, run scripts/setup-apt");
            return None;
        };
        let folder = TempDir::with_prefix("weir-nats-").expect("a temporary folder can be made");
        std::fs::write(folder.path().join("nats.conf"), configuration)
            .expect("the configuration can be written");
        let mut server = Self { binary, folder, child: None, port: 0 };
        server.restart();
        Some(server)
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash would.
    pub fn stop(&mut self) {
        self.child = None;
    }

    /// Starts the server again on the same port.
    ///
    /// # Panics
    /// If it does not come up within 30 seconds.
    pub fn restart(&mut self) {
        self.stop();
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let mut command = Command::new(&self.binary);
        command.args(["--addr", "127.0.0.1", "--port", &port, "--log", "/dev/stdout"]);
        command.arg("--config").arg(self.folder.path().join("nats.conf"));
        let child = Child::start(&mut command);
        let line = child.line_with("Listening for client connections on", START);
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        self.port = port.unwrap_or_else(|| panic!("{line:?} ends with a port"));
        child.line_with("Server is ready", START);
        self.child = Some(child);
    }
}

fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("WEIR_NATS_SERVER") {
        return Some(PathBuf::from(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join("nats-server")).find(|binary| binary.is_file())
}
