//! Structured logs on stderr.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Text or JSON.
    pub format: LogFormat,
    /// Per-module filter in `tracing`'s syntax, for example `info,weir_sequencer=debug`.
    pub filter: String,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not in `tracing`'s syntax.
    #[error("log filter is not valid: filter={filter} reason={reason}")]
    Filter {
        /// The filter given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A subscriber is installed already.
    #[error("logging is set up already")]
    AlreadySet,
}

/// Installs the process-wide subscriber. Logs go to stderr, so that stdout stays for answers.
pub fn init_logs(options: &LogOptions) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&options.filter).map_err(|error| LogError::Filter {
        filter: options.filter.clone(),
        reason: error.to_string(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    match options.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LogError::AlreadySet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let options = LogOptions { format: LogFormat::Text, filter: "weir=loud".to_owned() };
        let error = init_logs(&options).unwrap_err();
        assert!(error.to_string().contains("filter=weir=loud"), "{error}");
    }
}
