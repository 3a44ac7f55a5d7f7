//! What an operator has halted, kept over restarts, and a record of who did what.

use crate::write_durably;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const HALTS_FILE: &str = "halts.json";
const AUDIT_FILE: &str = "audit.jsonl";
const HALTED: &str = "weir_halted";

/// A part of a node that can be halted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Scope {
    /// Transactions are refused.
    Ingress,
    /// No blocks are made. Transactions are still taken.
    Sealing,
    /// No batches are posted.
    Batching,
    /// No opportunities are looked for. Pools are followed and quoted.
    Searching,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Ingress, Self::Sealing, Self::Batching, Self::Searching];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Sealing => "sealing",
            Self::Batching => "batching",
            Self::Searching => "searching",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scope is none of ingress, sealing, batching, searching: scope={0}")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let is_it = |scope: &Self| scope.name() == text;
        Self::ALL.into_iter().find(is_it).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// Why a scope is halted, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// What the operator said.
    pub reason: String,
    /// Unix time in milliseconds.
    pub since_ms: u64,
    /// Who halted it, as the audit log names them; empty if an earlier version wrote the file.
    #[serde(default)]
    pub by: String,
}

/// Why the halts could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HaltsError {
    /// The file system failed; nothing was changed.
    #[error("halts cannot be kept: path={}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("halts cannot be read: path={} reason={reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The halted scopes, and the audit log beside them.
#[derive(Debug, Default)]
pub struct Halts {
    /// Folder of both files; `None` keeps nothing.
    folder: Option<PathBuf>,
    mask: AtomicU8,
    halts: Mutex<BTreeMap<Scope, Halt>>,
    resumed: Condvar,
    audit: Mutex<Option<File>>,
}

impl Halts {
    /// What is halted according to the files in `folder`; nothing, and nothing is kept, without one.
    pub fn open(folder: Option<&Path>) -> Result<Self, HaltsError> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let path = folder.join(HALTS_FILE);
        let halts: BTreeMap<Scope, Halt> = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| HaltsError::Malformed {
                path: path.clone(),
                reason: error.to_string(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(failed(&path)(error)),
        };
        let path = folder.join(AUDIT_FILE);
        let audit = open_audit(&path).map_err(failed(&path))?;
        let halted = Self {
            folder: Some(folder.to_owned()),
            audit: Mutex::new(Some(audit)),
            ..Self::default()
        };
        for (scope, halt) in &halts {
            tracing::warn!(%scope, reason = halt.reason, by = halt.by, "scope is halted since an earlier run");
        }
        metrics::describe_gauge!(HALTED, "Whether the operator has halted a part of the node");
        halted.show(&halts);
        *halted.halts.lock() = halts;
        Ok(halted)
    }

    /// Whether a scope is halted. Costs one load.
    pub fn is_halted(&self, scope: Scope) -> bool {
        self.mask.load(Ordering::Acquire) & scope.bit() != 0
    }

    /// Why a scope is halted, if it is.
    pub fn halt_of(&self, scope: Scope) -> Option<Halt> {
        if !self.is_halted(scope) {
            return None;
        }
        self.halts.lock().get(&scope).cloned()
    }

    /// All that is halted.
    pub fn all(&self) -> BTreeMap<Scope, Halt> {
        self.halts.lock().clone()
    }

    /// Halts a scope in the name of `by`. On disk before it returns; a scope that is halted gets the new reason and name and
    /// keeps its time.
    pub fn halt(&self, scope: Scope, reason: &str, by: &str) -> Result<(), HaltsError> {
        self.change(|halts| {
            let since_ms = halts.get(&scope).map_or_else(now_ms, |halt| halt.since_ms);
            let (reason, by) = (reason.to_owned(), by.to_owned());
            halts.insert(scope, Halt { reason, since_ms, by });
        })
    }

    /// Lets a scope go on; answers whether it was halted.
    pub fn resume(&self, scope: Scope) -> Result<bool, HaltsError> {
        let mut was_halted = false;
        self.change(|halts| was_halted = halts.remove(&scope).is_some())?;
        Ok(was_halted)
    }

    /// Waits while a scope is halted, at most for `timeout`.
    pub fn wait_while_halted(&self, scope: Scope, timeout: Duration) {
        let mut halts = self.halts.lock();
        if halts.contains_key(&scope) {
            self.resumed.wait_for(&mut halts, timeout);
        }
    }

    /// Writes one line of the audit log: when, who, what, and with which arguments. On disk before it returns.
    pub fn record(
        &self,
        caller: &str,
        method: &str,
        arguments: &Value,
        outcome: &str,
    ) -> Result<(), HaltsError> {
        let line = json!({
            "timeMs": now_ms(), "caller": caller, "method": method, "arguments": arguments,
            "outcome": outcome,
        });
        let line = format!("{line}\n");
        tracing::info!(caller, method, %arguments, outcome, "operator");
        let mut audit = self.audit.lock();
        let (Some(file), Some(folder)) = (&mut *audit, &self.folder) else { return Ok(()) };
        // In one write, so that a line is rarely torn.
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(failed(&folder.join(AUDIT_FILE)))
    }

    /// Makes what is halted known to those who look without a lock, and to Prometheus.
    fn show(&self, halts: &BTreeMap<Scope, Halt>) {
        self.mask.store(mask(halts), Ordering::Release);
        for scope in Scope::ALL {
            let is_halted = if halts.contains_key(&scope) { 1.0 } else { 0.0 };
            metrics::gauge!(HALTED, "scope" => scope.name()).set(is_halted);
        }
    }

    fn change(&self, act: impl FnOnce(&mut BTreeMap<Scope, Halt>)) -> Result<(), HaltsError> {
        let mut halts = self.halts.lock();
        let mut changed = halts.clone();
        act(&mut changed);
        if let Some(folder) = &self.folder {
            keep(folder, &changed)?;
        }
        self.show(&changed);
        *halts = changed;
        drop(halts);
        self.resumed.notify_all();
        Ok(())
    }
}

fn mask(halts: &BTreeMap<Scope, Halt>) -> u8 {
    halts.keys().fold(0, |mask, scope| mask | scope.bit())
}

/// Opens the audit log behind a whole line: what a crash has torn gets an end, so that it does not swallow the next.
fn open_audit(path: &Path) -> io::Result<File> {
    let is_torn = match fs::read(path) {
        Ok(text) => text.last().is_some_and(|last| *last != b'\n'),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if is_torn {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn keep(folder: &Path, halts: &BTreeMap<Scope, Halt>) -> Result<(), HaltsError> {
    let path = folder.join(HALTS_FILE);
    let text = serde_json::to_vec_pretty(halts).expect("a map of texts and numbers is JSON");
    write_durably(&path, &text).map_err(failed(&path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> HaltsError + use<> {
    let path = path.to_owned();
    |source| HaltsError::Io { path, source }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_halted_stays_halted_over_a_restart() {
        let folder = tempfile::TempDir::new().unwrap();
        let halts = Halts::open(Some(folder.path())).unwrap();
        assert!(Scope::ALL.iter().all(|scope| !halts.is_halted(*scope)));
        halts.halt(Scope::Sealing, "upgrade", "alice@192.0.2.1").unwrap();
        halts.halt(Scope::Ingress, "abuse", "cli@127.0.0.1").unwrap();
        assert!(halts.resume(Scope::Ingress).unwrap());
        assert!(!halts.resume(Scope::Ingress).unwrap());
        let kept = halts.halt_of(Scope::Sealing).unwrap();
        assert_eq!((&*kept.reason, &*kept.by), ("upgrade", "alice@192.0.2.1"));
        drop(halts);
        let halts = Halts::open(Some(folder.path())).unwrap();
        assert_eq!(halts.halt_of(Scope::Sealing), Some(kept.clone()));
        assert_eq!(halts.halt_of(Scope::Ingress), None);
        halts.halt(Scope::Sealing, "longer", "bob").unwrap();
        assert_eq!(halts.halt_of(Scope::Sealing).unwrap().since_ms, kept.since_ms);
    }

    #[test]
    fn every_act_is_a_line_of_the_audit_log() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join(AUDIT_FILE);
        for method in ["a", "b"] {
            let halts = Halts::open(Some(folder.path())).unwrap();
            halts.record("alice", method, &json!(["x", 1]), "ok").unwrap();
            // A crash in the middle of a line.
            fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"ti").unwrap();
        }
        let text = fs::read_to_string(path).unwrap();
        let whole: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!((text.lines().count(), whole.len()), (4, 2));
        assert!(whole.iter().all(|line| line["caller"] == "alice"));
        assert_eq!((&whole[1]["method"], &whole[1]["arguments"][1]), (&json!("b"), &json!(1)));
    }

    #[test]
    fn halts_of_an_earlier_version_are_read() {
        let folder = tempfile::TempDir::new().unwrap();
        let text = r#"{"sealing":{"reason":"upgrade","sinceMs":7}}"#;
        fs::write(folder.path().join(HALTS_FILE), text).unwrap();
        let halt = Halts::open(Some(folder.path())).unwrap().halt_of(Scope::Sealing).unwrap();
        assert_eq!((halt.since_ms, halt.by.as_str()), (7, ""));
    }

    #[test]
    fn a_file_that_is_none_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join(HALTS_FILE), "{\"everything\":1}").unwrap();
        let error = Halts::open(Some(folder.path())).unwrap_err();
        assert!(matches!(error, HaltsError::Malformed { .. }), "{error}");
    }
}
