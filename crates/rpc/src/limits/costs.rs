//! What one call of a method costs, in units of a lookup.

use crate::methods::{Handler, METHODS, Method};

/// A lookup in memory.
const LOOKUP: u32 = 1;
/// A submission, a subscription, or a read that decodes a block.
const READ: u32 = 10;
/// Code runs once, or many blocks are touched.
const HEAVY: u32 = 20;
/// Code runs several times, or a proof is made.
const SEARCH: u32 = 50;
/// A block is executed again, or everything is listed.
const TRACE: u32 = 200;
/// What a name that is no method costs.
pub(super) const UNKNOWN: u32 = 1;

/// Methods that cost something else than what their kind costs.
const OTHERS: [(&str, u32); 18] = [
    ("eth_call", HEAVY),
    ("eth_callBundle", TRACE),
    ("eth_createAccessList", SEARCH),
    ("eth_estimateGas", SEARCH),
    ("eth_feeHistory", HEAVY),
    ("eth_getBlockReceipts", HEAVY),
    ("eth_getFilterChanges", HEAVY),
    ("eth_getFilterLogs", SEARCH),
    ("eth_getLogs", SEARCH),
    ("eth_getProof", SEARCH),
    ("eth_getStorageValues", HEAVY),
    // Tried in every block until it joins one.
    ("eth_sendBundle", SEARCH),
    ("txpool_content", TRACE),
    ("txpool_inspect", TRACE),
    ("weir_bestRoute", SEARCH),
    ("weir_listPools", HEAVY),
    ("weir_orderBook", SEARCH),
    ("weir_quote", HEAVY),
];

/// The cost of one call.
pub(super) fn default_cost(method: &Method) -> u32 {
    if let Some((_, cost)) = OTHERS.iter().find(|(name, _)| *name == method.name) {
        return *cost;
    }
    match method.handler {
        Handler::Quick(_) | Handler::Unsubscribe => LOOKUP,
        Handler::Heavy(_)
        | Handler::Admin(_)
        | Handler::AdminAsync(_)
        | Handler::Async(_)
        | Handler::Subscribe(_) => READ,
        Handler::Trace(_) => TRACE,
    }
}

/// Every default, by the method's place in the table.
pub(super) fn default_costs() -> Vec<u32> {
    METHODS.iter().map(default_cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_something_else_exists() {
        for (name, _) in OTHERS {
            assert!(METHODS.iter().any(|method| method.name == name), "{name}");
        }
    }

    #[test]
    fn the_order_of_costs_is_that_of_the_work() {
        let cost = |name| default_cost(METHODS.iter().find(|one| one.name == name).unwrap());
        let names = [
            "eth_chainId",
            "eth_getBlockByNumber",
            "eth_call",
            "eth_getLogs",
            "debug_traceTransaction",
        ];
        assert!(names.windows(2).all(|pair| cost(pair[0]) < cost(pair[1])));
    }
}
