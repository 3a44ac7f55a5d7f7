//! Running the tests of many files on all cores.

use crate::{Report, files, report::Verdict};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Stack of a thread that runs tests: some nest calls 1024 deep.
const STACK_BYTES: usize = 64 << 20;

/// Network under which entries are counted that name none.
const NO_NETWORK: &str = "none";

/// One kind of test.
pub(crate) trait Suite: DeserializeOwned {
    /// A field that only tests of this kind have.
    const MARK: &'static str;

    /// Runs the cases of one entry.
    fn run(self, name: &str, report: &mut Report);
}

/// Runs every entry of this kind in the files under `paths`.
pub(crate) fn run<S: Suite>(paths: &[PathBuf]) -> Report {
    let (files, missing) = files::find(paths);
    let mut report = Report::default();
    for (path, reason) in missing {
        report.add(NO_NETWORK, &path.display().to_string(), Verdict::Failed(reason));
    }
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES).build();
    let all =
        || files.par_iter().map(|path| run_file::<S>(path)).reduce(Report::default, Report::merge);
    let rest = match pool {
        Ok(pool) => pool.install(all),
        // Without threads of its own (a container at its limit) the tests run on rayon's.
        Err(_) => all(),
    };
    report.merge(rest)
}

fn run_file<S: Suite>(path: &Path) -> Report {
    let mut report = Report::default();
    let file = path.display().to_string();
    let entries = match files::read(path) {
        Ok(entries) => entries,
        Err(files::Unread::Skip(reason)) => {
            report.add(NO_NETWORK, &file, Verdict::Skipped(reason.to_owned()));
            return report;
        }
        Err(files::Unread::Broken(reason)) => {
            report.add(NO_NETWORK, &file, Verdict::Failed(reason));
            return report;
        }
    };
    for (name, text) in entries {
        let test = format!("{file} {name}");
        let mark = format!("\"{}\"", S::MARK);
        if name.starts_with(['_', '/']) || !text.get().contains(&mark) {
            let reason = format!("another kind of entry: it has no {}", S::MARK);
            report.add(NO_NETWORK, &test, Verdict::Skipped(reason));
            continue;
        }
        match serde_json::from_str::<S>(text.get()) {
            Ok(suite) => suite.run(&test, &mut report),
            Err(error) => {
                report.add(NO_NETWORK, &test, Verdict::Failed(format!("does not parse: {error}")));
            }
        }
    }
    report
}

/// An error with its causes.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
