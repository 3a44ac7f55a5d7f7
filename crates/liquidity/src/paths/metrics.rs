//! What path evaluation measures.

use super::PathsView;
use std::time::Duration;

pub(crate) fn describe() {
    metrics::describe_histogram!(
        "weir_paths_evaluate_seconds",
        "From a published block to its opportunities, in seconds."
    );
    metrics::describe_gauge!("weir_paths_cycles", "Cycles watched.");
    metrics::describe_gauge!("weir_paths_opportunities", "Opportunities of now.");
    metrics::describe_histogram!(
        "weir_paths_dirty_cycles",
        "Cycles through pools that a block touched."
    );
    metrics::describe_counter!(
        "weir_paths_cycles_total",
        "Cycles evaluated, by how far they came."
    );
}

pub(super) fn record(chain_id: u64, view: &PathsView, took: Duration) {
    let chain = chain_id.to_string();
    metrics::histogram!("weir_paths_evaluate_seconds", "chain" => chain.clone())
        .record(took.as_secs_f64());
    metrics::gauge!("weir_paths_cycles", "chain" => chain.clone()).set(view.cycles as f64);
    metrics::gauge!("weir_paths_opportunities", "chain" => chain.clone())
        .set(view.opportunities.len() as f64);
    metrics::histogram!("weir_paths_dirty_cycles", "chain" => chain.clone())
        .record(view.coverage.dirty_cycles as f64);
    let coverage = view.coverage;
    for (stage, cycles) in [
        ("pruned", coverage.pruned),
        ("sized", coverage.sized),
        ("simulated", coverage.simulated),
        ("profitable", coverage.profitable),
    ] {
        metrics::counter!("weir_paths_cycles_total", "chain" => chain.clone(), "stage" => stage)
            .increment(cycles as u64);
    }
}
