//! Counts and latencies per method.

use crate::methods::METHODS;
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

const REQUESTS: &str = "weir_rpc_requests_total";
const ERRORS: &str = "weir_rpc_errors_total";
const SECONDS: &str = "weir_rpc_request_seconds";

/// One set of handles a method, made once, so that a request touches atomics only.
pub(crate) struct Meters {
    methods: Vec<Meter>,
    unknown: Counter,
}

struct Meter {
    requests: Counter,
    errors: Counter,
    seconds: Histogram,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe_counter!(REQUESTS, "JSON-RPC requests by method; unknown names share one label");
        describe_counter!(ERRORS, "JSON-RPC requests answered with an error, by method");
        describe_histogram!(SECONDS, "Time from a parsed request to its answer, by method");
        let methods = METHODS
            .iter()
            .map(|method| Meter {
                requests: counter!(REQUESTS, "method" => method.name),
                errors: counter!(ERRORS, "method" => method.name),
                seconds: histogram!(SECONDS, "method" => method.name),
            })
            .collect();
        // A caller can invent names without end; one label holds them all.
        Self { methods, unknown: counter!(REQUESTS, "method" => "unknown") }
    }

    pub(crate) fn record(&self, at: usize, elapsed: Duration, is_error: bool) {
        let meter = &self.methods[at];
        meter.requests.increment(1);
        meter.seconds.record(elapsed.as_secs_f64());
        if is_error {
            meter.errors.increment(1);
        }
    }

    pub(crate) fn unknown(&self) {
        self.unknown.increment(1);
    }
}
