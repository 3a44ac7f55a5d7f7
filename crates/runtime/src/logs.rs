//! Structured logs on stderr.

use std::{io::IsTerminal, sync::OnceLock};
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
    /// No subscriber was installed.
    #[error("logging is not set up")]
    NotSet,
    /// A subscriber is installed already.
    #[error("logging is set up already")]
    AlreadySet,
}

/// Installs the process-wide subscriber. Logs go to stderr, so that stdout stays for answers.
pub fn init_logs(options: &LogOptions) -> Result<(), LogError> {
    let filter = parse(&options.filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    let reload: Reload = match options.format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| LogError::AlreadySet)?;
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| LogError::AlreadySet)?;
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    RELOAD.set(reload).map_err(|_| LogError::AlreadySet)
}

/// Takes a new filter; answers whether the subscriber is still there.
type Reload = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// What replaces the filter of the process-wide subscriber.
static RELOAD: OnceLock<Reload> = OnceLock::new();

/// Replaces the filter of the subscriber that [`init_logs`] installed.
///
/// # Errors
/// [`LogError::Filter`], and the old filter stays; [`LogError::NotSet`] if there is no subscriber.
pub fn set_log_filter(filter: &str) -> Result<(), LogError> {
    let filter = parse(filter)?;
    let reload = RELOAD.get().ok_or(LogError::NotSet)?;
    if reload(filter) { Ok(()) } else { Err(LogError::NotSet) }
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter)
        .map_err(|error| LogError::Filter { filter: filter.to_owned(), reason: error.to_string() })
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
