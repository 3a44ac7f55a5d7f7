//! What the feed measures.

/// Describes the feed's metrics to the recorder. Call it once, after a recorder is installed.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "weir_feed_events_total",
        "Events published: blocks, and the records of reorgs."
    );
    metrics::describe_gauge!("weir_feed_consumers", "Consumers connected to the feed socket.");
    metrics::describe_counter!(
        "weir_feed_consumers_cut_total",
        "Consumers cut because they fell out of the retained log."
    );
    crate::nats::describe_whitelist_metrics();
}
