#![doc = include_str!("../README.md")]

mod shutdown;
pub use shutdown::{Shutdown, ShutdownReason};

mod tasks;
pub use tasks::{TaskError, TaskSet};

mod clock;
pub use clock::{Clock, SystemClock};

mod durable;
pub use durable::write_durably;

mod halts;
pub use halts::{Halt, Halts, HaltsError, Scope, UnknownScope};

mod logs;
pub use logs::{LogError, LogFormat, LogOptions, init_logs, set_log_filter};

mod metrics_server;
pub use metrics_server::{MetricsHandle, MetricsServer, MetricsServerError, install_metrics};

mod open_files;
pub use open_files::{OpenFiles, raise_open_files};

mod signals;
pub use signals::watch_signals;
