//! The method table: the one list of what this server answers.

use crate::{
    api::Api, args::Args, debug, dev, eth, json::Answer, message::Params, net, openrpc, testing,
    txpool, web3, weir, witness,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// How a method is run.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// A lookup, run where the request is read.
    Quick(fn(&Api, &Args<'_>) -> Answer),
    /// A read that executes code, or that decodes or walks blocks, run on a blocking thread behind the reader limit.
    Heavy(fn(&Api, &Args<'_>) -> Answer),
    /// A read that executes whole blocks, run on threads of its own, which are fewer.
    Trace(fn(&Api, &Args<'_>) -> Answer),
    /// An act of an operator, with who calls; run as [`Self::Heavy`], because it waits for the disk.
    Admin(fn(&Api, &Args<'_>, &str) -> Answer),
    /// An act of an operator that waits for others.
    AdminAsync(fn(Arc<Api>, Params, String) -> BoxFuture<'static, Answer>),
    /// A write: it waits for the journal, never for a thread.
    Async(fn(Arc<Api>, Params) -> BoxFuture<'static, Answer>),
    /// `eth_subscribe`, `weir_subscribe` and `debug_executionWitnessStream`.
    Subscribe(Namespace),
    /// `eth_unsubscribe`, `weir_unsubscribe` and `debug_unsubscribe`.
    Unsubscribe,
}

/// Whose events a subscription delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Those of the chain.
    Eth,
    /// Those of the liquidity engine.
    Weir,
    /// Witnesses.
    Debug,
}

impl Namespace {
    /// The method of its notifications.
    pub(crate) const fn notification(self) -> &'static str {
        match self {
            Self::Eth => "eth_subscription",
            Self::Weir => "weir_subscription",
            Self::Debug => "debug_subscription",
        }
    }
}

/// What is answered without a chain of one's own.
const CHAINLESS: [&str; 27] = [
    "eth_unsubscribe",
    "net_listening",
    "rpc.discover",
    "rpc_modules",
    "web3_clientVersion",
    "web3_sha3",
    "weir_adminCompactJournal",
    "weir_adminDrain",
    "weir_adminDropSender",
    "weir_adminDropTransaction",
    "weir_adminHalt",
    "weir_adminLimits",
    "weir_adminResume",
    "weir_adminRotateKey",
    "weir_adminSetLimits",
    "weir_adminSetLogFilter",
    "weir_adminStatus",
    "weir_bestRoute",
    "weir_chains",
    "weir_gate",
    "weir_getPool",
    "weir_listPools",
    "weir_opportunities",
    "weir_orderBook",
    "weir_quote",
    "weir_subscribe",
    "weir_unsubscribe",
];

/// A row of the table.
pub(crate) struct Method {
    /// The name on the wire.
    pub(crate) name: &'static str,
    /// Its parameters, separated by commas; a question mark means optional.
    pub(crate) params: &'static str,
    /// What runs it.
    pub(crate) handler: Handler,
}

impl Method {
    /// Number of parameters it takes at most.
    pub(crate) fn args_max(&self) -> usize {
        if self.params.is_empty() { 0 } else { self.params.split(',').count() }
    }

    /// Whether it submits transactions; limits of reads do not touch it.
    pub(crate) fn is_submission(&self) -> bool {
        self.name.contains("_send")
    }

    /// Whether it reads a chain of the node's own.
    pub(crate) fn needs_chain(&self) -> bool {
        !CHAINLESS.contains(&self.name)
    }
}

const fn quick(
    name: &'static str,
    params: &'static str,
    handler: fn(&Api, &Args<'_>) -> Answer,
) -> Method {
    Method { name, params, handler: Handler::Quick(handler) }
}

const fn heavy(
    name: &'static str,
    params: &'static str,
    handler: fn(&Api, &Args<'_>) -> Answer,
) -> Method {
    Method { name, params, handler: Handler::Heavy(handler) }
}

const fn trace(
    name: &'static str,
    params: &'static str,
    handler: fn(&Api, &Args<'_>) -> Answer,
) -> Method {
    Method { name, params, handler: Handler::Trace(handler) }
}

const fn admin(
    name: &'static str,
    params: &'static str,
    handler: fn(&Api, &Args<'_>, &str) -> Answer,
) -> Method {
    Method { name, params, handler: Handler::Admin(handler) }
}

/// Every method, by namespace and name.
pub(crate) static METHODS: &[Method] = &[
    trace("debug_executionWitness", "block,mode?", witness::execution_witness),
    trace("debug_executionWitnessByBlockHash", "hash,mode?", witness::execution_witness_by_hash),
    Method {
        name: "debug_executionWitnessStream",
        params: "mode?",
        handler: Handler::Subscribe(Namespace::Debug),
    },
    trace("debug_generateBlockWitness", "block?", witness::generate_block_witness),
    trace("debug_generateWitness", "transaction", witness::generate_witness),
    heavy("debug_getRawBlock", "block", debug::raw_block),
    quick("debug_getRawHeader", "block", debug::raw_header),
    heavy("debug_getRawReceipts", "block", debug::raw_receipts),
    heavy("debug_getRawTransaction", "hash", debug::raw_transaction),
    trace("debug_traceBlockByHash", "hash,options?", debug::trace_block_by_hash),
    trace("debug_traceBlockByNumber", "block,options?", debug::trace_block_by_number),
    trace("debug_traceCall", "request,block?,options?", debug::trace_call),
    trace("debug_traceTransaction", "hash,options?", debug::trace_transaction),
    Method { name: "debug_unsubscribe", params: "subscriptionId", handler: Handler::Unsubscribe },
    quick("eth_accounts", "", eth::accounts),
    quick("eth_blobBaseFee", "", eth::blob_base_fee),
    quick("eth_blockNumber", "", eth::block_number),
    heavy("eth_call", "request,block?,stateOverrides?,blockOverrides?", eth::call),
    trace("eth_callBundle", "simulatedBundle", eth::call_bundle),
    Method {
        name: "eth_cancelBundle",
        params: "cancellation",
        handler: Handler::Async(eth::cancel_bundle),
    },
    quick("eth_capabilities", "", eth::capabilities),
    quick("eth_chainId", "", eth::chain_id),
    quick("eth_config", "", eth::config),
    heavy("eth_createAccessList", "request,block?,stateOverrides?", eth::create_access_list),
    heavy("eth_estimateGas", "request,block?,stateOverrides?,blockOverrides?", eth::estimate_gas),
    heavy("eth_feeHistory", "blockCount,newestBlock,rewardPercentiles?", eth::fee_history),
    heavy("eth_gasPrice", "", eth::gas_price),
    quick("eth_getBalance", "address,block?", eth::balance),
    heavy("eth_getBlockByHash", "hash,fullTransactions?", eth::block_by_hash),
    heavy("eth_getBlockByNumber", "block,fullTransactions?", eth::block_by_number),
    heavy("eth_getBlockReceipts", "block", eth::block_receipts),
    heavy("eth_getBlockTransactionCountByHash", "hash", eth::transaction_count_by_hash),
    heavy("eth_getBlockTransactionCountByNumber", "block", eth::transaction_count_by_number),
    quick("eth_getCode", "address,block?", eth::code),
    heavy("eth_getFilterChanges", "filterId", eth::filter_changes),
    heavy("eth_getFilterLogs", "filterId", eth::filter_logs),
    heavy("eth_getLogs", "filter", eth::logs),
    heavy("eth_getProof", "address,slots,block?", eth::proof),
    heavy(
        "eth_getRawTransactionByBlockHashAndIndex",
        "hash,index",
        eth::raw_transaction_by_block_hash,
    ),
    heavy(
        "eth_getRawTransactionByBlockNumberAndIndex",
        "block,index",
        eth::raw_transaction_by_block_number,
    ),
    heavy("eth_getRawTransactionByHash", "hash", eth::raw_transaction),
    quick("eth_getStorageAt", "address,slot,block?", eth::storage_at),
    heavy("eth_getStorageValues", "slotsByAddress,block?", eth::storage_values),
    heavy("eth_getTransactionByBlockHashAndIndex", "hash,index", eth::transaction_by_block_hash),
    heavy(
        "eth_getTransactionByBlockNumberAndIndex",
        "block,index",
        eth::transaction_by_block_number,
    ),
    heavy("eth_getTransactionByHash", "hash", eth::transaction),
    quick("eth_getTransactionCount", "address,block?", eth::nonce),
    heavy("eth_getTransactionReceipt", "hash", eth::receipt),
    heavy("eth_getUncleByBlockHashAndIndex", "hash,index", eth::uncle_by_block_hash),
    heavy("eth_getUncleByBlockNumberAndIndex", "block,index", eth::uncle_by_block_number),
    heavy("eth_getUncleCountByBlockHash", "hash", eth::uncle_count_by_hash),
    heavy("eth_getUncleCountByBlockNumber", "block", eth::uncle_count_by_number),
    heavy("eth_maxPriorityFeePerGas", "", eth::max_priority_fee),
    heavy("eth_newBlockFilter", "", eth::new_block_filter),
    heavy("eth_newFilter", "filter", eth::new_filter),
    quick("eth_newPendingTransactionFilter", "fullTransactions?", eth::new_pending_filter),
    Method { name: "eth_sendBundle", params: "bundle", handler: Handler::Async(eth::send_bundle) },
    Method {
        name: "eth_sendRawTransaction",
        params: "transaction",
        handler: Handler::Async(eth::send_raw_transaction),
    },
    Method {
        name: "eth_sendRawTransactionConditional",
        params: "transaction,conditions",
        handler: Handler::Async(eth::send_raw_transaction_conditional),
    },
    Method {
        name: "eth_sendRawTransactionSync",
        params: "transaction,timeoutMs?",
        handler: Handler::Async(eth::send_raw_transaction_sync),
    },
    trace("eth_simulateV1", "simulation,block?", eth::simulate),
    Method {
        name: "eth_subscribe",
        params: "kind,options?",
        handler: Handler::Subscribe(Namespace::Eth),
    },
    quick("eth_syncing", "", eth::syncing),
    quick("eth_uninstallFilter", "filterId", eth::uninstall_filter),
    Method { name: "eth_unsubscribe", params: "subscriptionId", handler: Handler::Unsubscribe },
    quick("net_listening", "", net::listening),
    quick("net_peerCount", "", net::peer_count),
    quick("net_version", "", net::version),
    heavy("rpc.discover", "", openrpc::discover),
    quick("rpc_modules", "", net::modules),
    trace(
        "testing_buildBlockV1",
        "parentHash,payloadAttributes,transactions?,extraData?",
        testing::build_block,
    ),
    heavy("txpool_content", "", txpool::content),
    quick("txpool_contentFrom", "address", txpool::content_from),
    heavy("txpool_inspect", "", txpool::inspect),
    quick("txpool_status", "", txpool::status),
    quick("web3_clientVersion", "", web3::client_version),
    quick("web3_sha3", "data", web3::sha3),
    admin("weir_adminCompactJournal", "", weir::admin_compact_journal),
    admin("weir_adminDrain", "", weir::admin_drain),
    admin("weir_adminDropSender", "address", weir::admin_drop_sender),
    admin("weir_adminDropTransaction", "hash", weir::admin_drop_transaction),
    admin("weir_adminHalt", "scope,reason", weir::admin_halt),
    quick("weir_adminLimits", "", weir::admin_limits),
    admin("weir_adminResume", "scope", weir::admin_resume),
    Method {
        name: "weir_adminRotateKey",
        params: "role,options?",
        handler: Handler::AdminAsync(weir::admin_rotate_key),
    },
    admin("weir_adminSetLimits", "limits", weir::admin_set_limits),
    admin("weir_adminSetLogFilter", "filter", weir::admin_set_log_filter),
    quick("weir_adminStatus", "", weir::admin_status),
    quick("weir_batches", "first?,limit?", weir::batches),
    heavy("weir_bestRoute", "request,block?", weir::best_route),
    quick("weir_bundleStatus", "hash", weir::bundle_status),
    quick("weir_chains", "", weir::chains),
    Method { name: "weir_devReorg", params: "depth,options?", handler: Handler::Async(dev::reorg) },
    quick("weir_gate", "chainId?", weir::gate),
    heavy("weir_getAccessSet", "hash", weir::access_set),
    heavy("weir_getPool", "id,block?", weir::pool),
    heavy("weir_listPools", "filter?", weir::list_pools),
    quick("weir_opportunities", "filter?", weir::opportunities),
    heavy("weir_orderBook", "request,block?", weir::order_book),
    heavy("weir_quote", "path,amountIn,block?", weir::quote),
    quick("weir_receiptSigners", "", weir::receipt_signers),
    Method {
        name: "weir_sendRawTransactionSigned",
        params: "transaction",
        handler: Handler::Async(weir::send_raw_transaction_signed),
    },
    Method {
        name: "weir_subscribe",
        params: "kind,options?",
        handler: Handler::Subscribe(Namespace::Weir),
    },
    quick("weir_transactionStatus", "hash", weir::transaction_status),
    Method { name: "weir_unsubscribe", params: "subscriptionId", handler: Handler::Unsubscribe },
];

/// Names and parameters of every method, for documents made from the table.
pub fn method_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    METHODS.iter().map(|method| (method.name, method.params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_unique() {
        for pair in METHODS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn what_decodes_blocks_is_kept_off_the_async_workers() {
        let by_block = ["Block", "Transaction", "Receipt", "Uncle", "Logs"];
        for method in METHODS.iter().filter(|method| {
            let what = method.name.split_once("_get").map_or("", |(_, what)| what);
            by_block.iter().any(|part| what.contains(part)) && what != "TransactionCount"
        }) {
            assert!(matches!(method.handler, Handler::Heavy(_)), "{}", method.name);
        }
    }

    #[test]
    fn submissions_wait_for_no_thread() {
        for method in METHODS {
            let is_async = matches!(method.handler, Handler::Async(_));
            assert!(is_async || !method.is_submission(), "{}", method.name);
        }
    }

    #[test]
    fn what_needs_no_chain_exists() {
        for name in CHAINLESS {
            assert!(METHODS.iter().any(|method| method.name == name), "{name}");
        }
    }

    #[test]
    fn arity_follows_from_the_parameters() {
        let arity = |name| METHODS.iter().find(|method| method.name == name).unwrap().args_max();
        assert_eq!(arity("eth_chainId"), 0);
        assert_eq!(arity("eth_getBalance"), 2);
        assert_eq!(arity("eth_call"), 4);
    }
}
