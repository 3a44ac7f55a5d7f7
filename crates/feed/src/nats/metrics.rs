//! What the whitelist reader measures.

/// Describes the metrics to the recorder.
pub(crate) fn describe_whitelist_metrics() {
    metrics::describe_gauge!(
        "weir_whitelist_connected",
        "1 while the NATS server of the whitelist is connected."
    );
    metrics::describe_gauge!(
        "weir_whitelist_age_seconds",
        metrics::Unit::Seconds,
        "Time since the last usable whitelist message."
    );
    metrics::describe_counter!(
        "weir_whitelist_messages_total",
        "Whitelist messages received, by kind."
    );
    metrics::describe_counter!(
        "weir_whitelist_messages_refused_total",
        "Whitelist messages that are not whitelists of this chain, and chunks that contradict each other."
    );
    metrics::describe_counter!(
        "weir_whitelist_rejected_rows_total",
        "Rows of whitelists that are not followed."
    );
    metrics::describe_counter!(
        "weir_whitelist_incomplete_total",
        "Divided whitelists dropped because chunks of them never came."
    );
    metrics::describe_counter!(
        "weir_whitelist_snapshot_requests_total",
        "Full whitelists asked for."
    );
    metrics::describe_counter!(
        "weir_whitelist_reconnects_total",
        "Times that the connection to the NATS server was lost."
    );
    metrics::describe_counter!(
        "weir_whitelist_slow_consumer_total",
        "Times that the NATS client dropped whitelist messages because they were not taken."
    );
}
