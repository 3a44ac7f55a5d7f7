//! The logs of one block, with what proves them.

use crate::{
    ChainClient, ClientError,
    client::expect,
    linked::LinkedHeader,
    proven::{WireReceipt, receipts_root},
};
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{B256, Bloom};
use alloy_rpc_types_eth::{Filter, Log};
use weir_primitives::{LoggedBlock, LoggedTransaction};

/// What shows that the logs of a block are its logs, all of them and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogProof {
    /// The receipts hash to the receipts root of a header that hashes to the block's hash.
    ReceiptsRoot,
    /// The node gave them when asked by the block's hash, and the bloom filter of the header is theirs. It has transactions
    /// whose receipts we cannot encode, or a header that we cannot hash (then not even the bloom filter is checked).
    PinnedLogs,
    /// The bloom filter of a header that hashes to the block's hash is empty, so there are no logs.
    BloomExcluded,
}

impl LogProof {
    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReceiptsRoot => "receipts_root",
            Self::PinnedLogs => "pinned_logs",
            Self::BloomExcluded => "bloom_excluded",
        }
    }
}

/// How a node gives the receipts of a block, best first. It is remembered for the connection once a better way is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum ReceiptMethod {
    /// `eth_getBlockReceipts`.
    Block = 0,
    /// `eth_getTransactionReceipt` for each transaction.
    Transaction = 1,
    /// Not at all: `eth_getLogs` of the block's hash.
    None = 2,
}

impl ReceiptMethod {
    const fn from_u8(method: u8) -> Self {
        match method {
            0 => Self::Block,
            1 => Self::Transaction,
            _ => Self::None,
        }
    }
}

impl ChainClient {
    /// The logs of the block of this hash, with what proves them.
    ///
    /// # Errors
    /// [`ClientError::UnknownBlock`] if the node does not know the block, or forgets it on the way;
    /// [`ClientError::Inconsistent`], [`ClientError::Incomplete`] and [`ClientError::BloomMismatch`] if header, receipts and
    /// logs are not of one block; any [`ClientError`].
    pub async fn logged_block(&self, hash: B256) -> Result<(LoggedBlock, LogProof), ClientError> {
        let header = self.linked_header(hash).await?;
        self.with_logs(header).await
    }

    /// Adds the logs to a header.
    pub(crate) async fn with_logs(
        &self,
        header: LinkedHeader,
    ) -> Result<(LoggedBlock, LogProof), ClientError> {
        if header.is_hash_checked && header.logs_bloom.is_zero() {
            let is_empty = header.receipts_root == EMPTY_ROOT_HASH;
            if is_empty {
                expect_count("transactions", &header, 0, header.transactions.len())?;
            }
            let proof = if is_empty { LogProof::ReceiptsRoot } else { LogProof::BloomExcluded };
            let logs = vec![Vec::new(); header.transactions.len()];
            return Ok((assemble(&header, logs), proof));
        }
        match self.receipts_by_hash(&header).await? {
            Some(receipts) => check_receipts(&header, receipts),
            None => {
                let filter = Filter::new().at_block_hash(header.reference.hash);
                let logs = group(&header, self.logs(&filter).await?)?;
                check_bloom(&header, logs.iter().flatten())?;
                Ok((assemble(&header, logs), LogProof::PinnedLogs))
            }
        }
    }

    /// The receipts of a block by the best method the node has, or `None` if it has none.
    async fn receipts_by_hash(
        &self,
        header: &LinkedHeader,
    ) -> Result<Option<Vec<WireReceipt>>, ClientError> {
        loop {
            let method = ReceiptMethod::from_u8(self.connection().receipt_method());
            let (receipts, worse) = match method {
                ReceiptMethod::Block => {
                    (self.receipts_at_once(header).await, ReceiptMethod::Transaction)
                }
                ReceiptMethod::Transaction => {
                    (self.receipts_one_by_one(header).await, ReceiptMethod::None)
                }
                ReceiptMethod::None => return Ok(None),
            };
            match receipts {
                Ok(receipts) => return Ok(Some(receipts)),
                Err(error) if is_unsupported(&error) => {
                    tracing::info!(%error, next = ?worse, "node does not serve receipts this way");
                    self.connection().set_receipt_method(worse as u8);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn receipts_at_once(
        &self,
        header: &LinkedHeader,
    ) -> Result<Vec<WireReceipt>, ClientError> {
        let hash = header.reference.hash;
        let found: Option<Vec<WireReceipt>> = self.read("eth_getBlockReceipts", (hash,)).await?;
        found.ok_or(ClientError::UnknownBlock { hash })
    }

    async fn receipts_one_by_one(
        &self,
        header: &LinkedHeader,
    ) -> Result<Vec<WireReceipt>, ClientError> {
        let hash = header.reference.hash;
        let params: Vec<_> =
            header.transactions.iter().map(|transaction| (*transaction,)).collect();
        let found: Vec<_> =
            self.read_many::<_, Option<WireReceipt>>("eth_getTransactionReceipt", &params).await?;
        let receipt = |receipt: Result<Option<WireReceipt>, _>| match receipt? {
            // A transaction knows only the canonical block it is in now: another one means that this one is out.
            Some(receipt) if receipt.block_hash == Some(hash) => Ok(receipt),
            _ => Err(ClientError::UnknownBlock { hash }),
        };
        found.into_iter().map(receipt).collect()
    }
}

/// Whether the node lacks a method, or takes only numbers where a hash is asked for.
fn is_unsupported(error: &ClientError) -> bool {
    const CODE_METHOD_UNSUPPORTED: i64 = -32004;
    error.refused().is_some_and(|refused| {
        crate::error::is_bad_request(refused.code) || refused.code == CODE_METHOD_UNSUPPORTED
    })
}

fn check_receipts(
    header: &LinkedHeader,
    receipts: Vec<WireReceipt>,
) -> Result<(LoggedBlock, LogProof), ClientError> {
    let number = header.reference.number;
    expect_count("receipts", header, header.transactions.len(), receipts.len())?;
    for (receipt, transaction) in receipts.iter().zip(&header.transactions) {
        if let Some(hash) = receipt.block_hash {
            expect("block hash of a receipt", number, hash, header.reference.hash)?;
        }
        expect("transaction of a receipt", number, receipt.transaction_hash, *transaction)?;
    }
    let proof = match receipts_root(&receipts).filter(|_| header.is_hash_checked) {
        Some(root) => {
            if root != header.receipts_root {
                metrics::counter!("weir_follower_receipts_root_mismatches_total").increment(1);
            }
            expect("receipts root", number, header.receipts_root, root)?;
            LogProof::ReceiptsRoot
        }
        None => {
            check_bloom(header, receipts.iter().flat_map(WireReceipt::logs))?;
            LogProof::PinnedLogs
        }
    };
    let logs = receipts.into_iter().map(WireReceipt::into_logs).collect();
    Ok((assemble(header, logs), proof))
}

/// Logs by transaction; they must be of this block and in order.
fn group(
    header: &LinkedHeader,
    logs: Vec<Log>,
) -> Result<Vec<Vec<alloy_primitives::Log>>, ClientError> {
    let number = header.reference.number;
    let mut grouped = vec![Vec::new(); header.transactions.len()];
    let mut next = None;
    for log in logs {
        let hash = log.block_hash.unwrap_or_default();
        expect("block hash of a log", number, hash, header.reference.hash)?;
        let index = log.transaction_index.and_then(|index| usize::try_from(index).ok());
        let position = (index, log.log_index);
        let transaction = index.and_then(|index| header.transactions.get(index));
        let transaction = transaction.copied().unwrap_or_default();
        let claimed = log.transaction_hash.unwrap_or_default();
        expect("transaction of a log", number, claimed, transaction)?;
        let group = index.and_then(|index| grouped.get_mut(index));
        match group {
            Some(group) if next < Some(position) => group.push(log.inner),
            _ => return Err(ClientError::LogOrder { block: number }),
        }
        next = Some(position);
    }
    Ok(grouped)
}

fn check_bloom<'a>(
    header: &LinkedHeader,
    logs: impl Iterator<Item = &'a alloy_primitives::Log>,
) -> Result<(), ClientError> {
    let bloom: Bloom = logs.collect();
    if header.is_hash_checked && bloom != header.logs_bloom {
        return Err(ClientError::BloomMismatch { block: header.reference.number });
    }
    Ok(())
}

fn assemble(header: &LinkedHeader, logs: Vec<Vec<alloy_primitives::Log>>) -> LoggedBlock {
    let transactions = header.transactions.iter().zip(logs);
    LoggedBlock {
        reference: header.reference,
        base_fee: header.base_fee,
        transactions: transactions
            .map(|(hash, logs)| LoggedTransaction { hash: *hash, logs })
            .collect(),
    }
}

fn expect_count(
    part: &'static str,
    header: &LinkedHeader,
    expected: usize,
    found: usize,
) -> Result<(), ClientError> {
    if expected == found {
        Ok(())
    } else {
        Err(ClientError::Incomplete { part, block: header.reference.number, expected, found })
    }
}
