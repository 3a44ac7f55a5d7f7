//! A process that ends with the test that started it.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

/// Lines a child may print ahead of its reader.
const LINES_MAX: usize = 65_536;

/// A child process with its standard output as lines. It is killed when dropped.
#[derive(Debug)]
pub struct Child {
    inner: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts `command` with its output piped; its errors go where the test's go.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut inner = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} starts: {error}"));
        let stdout = inner.stdout.take().expect("stdout is piped");
        let (send, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                if send.send(line.trim_end().to_owned()).is_err() {
                    // Nobody reads any more; keep the pipe empty so that the child is not blocked.
                    let _ = reader.read_to_end(&mut Vec::new());
                    return;
                }
                line.clear();
            }
        });
        Self { inner, lines }
    }

    /// The next line of output.
    ///
    /// # Panics
    /// If none comes within the time, or the child has closed its output.
    pub fn line(&self, within: Duration) -> String {
        self.lines.recv_timeout(within).expect("the child prints a line in time")
    }

    /// The next line of output; `None` if none comes within the time, or the child has closed its output.
    pub fn try_line(&self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }

    /// Reads lines until one contains `text`, and returns it.
    ///
    /// # Panics
    /// If none comes within the time.
    pub fn line_with(&self, text: &str, within: Duration) -> String {
        let deadline = std::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("the child prints {text:?} in time"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Sends a signal by its name, as `kill` spells it.
    ///
    /// # Panics
    /// If `kill` fails.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill runs").success(), "kill -{name}");
    }

    /// Kills the process at once (SIGKILL) and reaps it.
    pub fn kill(&mut self) {
        // Both fail only when the child is gone already, which is what is wanted.
        let _ = self.inner.kill();
        let _ = self.inner.wait();
    }

    /// Whether the process has ended.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn has_ended(&mut self) -> bool {
        self.inner.try_wait().expect("the child can be asked").is_some()
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn wait(mut self) -> ExitStatus {
        self.inner.wait().expect("the child can be waited for")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
