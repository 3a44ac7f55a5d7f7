//! The progress bar.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, or nothing where that is not a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that counts to `length`.
    pub(crate) fn new(wanted: bool, label: &'static str, length: u64) -> Self {
        let visible = wanted && std::io::stderr().is_terminal();
        let bar = if visible { ProgressBar::new(length) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix:>10} {bar:32} {elapsed_precise} {msg}")
            .expect("the template is constant and has only known keys");
        bar.set_style(style);
        bar.set_prefix(label);
        if visible {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar }
    }

    /// Moves the bar on.
    pub(crate) fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    /// Sets the bar and the words behind it.
    pub(crate) fn set(&self, position: u64, message: String) {
        self.bar.set_position(position);
        self.bar.set_message(message);
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
