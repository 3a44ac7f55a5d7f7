//! Transactions that come with conditions (ERC-7796).

use super::{Ingress, IngressError, record::Accepted};
use crate::sequencing::unix_millis;
use std::sync::Arc;
use weir_builder::StorageRoots;
use weir_primitives::{Conditions, Moment};

/// Roots and parts of accounts that one transaction may name unless told otherwise.
pub const DEFAULT_CONDITION_COST_MAX: usize = 1_000;

impl Ingress {
    /// Checks conditions on the newest block, as if the transaction were the first of the next one.
    pub(super) fn check_conditions(&self, conditions: &Conditions) -> Result<(), IngressError> {
        let (cost, limit) = (conditions.cost(), self.condition_cost_max);
        if cost > limit {
            return Err(IngressError::ConditionsTooLarge { cost, limit });
        }
        let view = self.chain.view();
        let header = view.head().block.header();
        let clock = self.drops.clock();
        let timestamp = self.chain.open_timestamp().max(header.timestamp + 1);
        let at = Moment { block_number: header.number + 1, timestamp, now_ms: unix_millis(clock) };
        let roots = StorageRoots::new(header.state_root, Arc::clone(view.snapshot()));
        let state = &**view.snapshot();
        conditions.check(at, state, &|address| roots.get(address).map(Some))??;
        Ok(())
    }

    /// The conditions of a transaction in the journal.
    pub(super) fn journalled_conditions(
        accepted: Accepted<'_>,
    ) -> Result<Option<Arc<Conditions>>, IngressError> {
        let read = |json| {
            weir_rpc::read_conditions(json)
                .map(Arc::new)
                .map_err(|reason| IngressError::ConditionsUnreadable { reason })
        };
        accepted.conditions.map(read).transpose()
    }
}
