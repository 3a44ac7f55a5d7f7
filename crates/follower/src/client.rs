//! Reads of a chain.

use crate::{CallRequest, ClientConfig, ClientError, connection::Connection};
use alloy_consensus::{
    Sealed,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{Filter, Log, TransactionReceipt};
use std::sync::Arc;
use weir_primitives::{Block, BlockRef, ExecutedBlock, Receipt, RecoveredBlock, Transaction};

/// A block whose hash is checked and whose senders are not recovered.
pub type SealedBlock = Sealed<Block>;

/// A block as nodes send it, with whole transactions.
type WireBlock = alloy_rpc_types_eth::Block<alloy_rpc_types_eth::Transaction<Transaction>>;
/// A block as nodes send it, with the hashes of its transactions.
type WireHeader = alloy_rpc_types_eth::Block<B256>;

/// Reads one chain from one node. Cheap to clone; clones share the connection, which is opened again after a loss.
#[derive(Debug, Clone)]
pub struct ChainClient {
    connection: Arc<Connection>,
    config: ClientConfig,
}

impl ChainClient {
    /// Connects to `http://…` (lazily) or `ws://…` (now) with the default limits.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_with(url, ClientConfig::default()).await
    }

    /// Connects with these limits.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub async fn connect_with(url: &str, config: ClientConfig) -> Result<Self, ClientError> {
        let connection = Arc::new(Connection::open(url).await?);
        Ok(Self { connection, config })
    }

    /// The limits.
    pub const fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The same connection, each read tried once.
    pub(crate) fn without_retries(&self) -> Self {
        let config = ClientConfig { read_attempts_max: 1, ..self.config };
        Self { connection: Arc::clone(&self.connection), config }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The chain's id (`eth_chainId`).
    ///
    /// # Errors
    /// Any [`ClientError`], as for every method below.
    pub async fn chain_id(&self) -> Result<u64, ClientError> {
        let id: U64 = self.read("eth_chainId", ()).await?;
        Ok(id.to())
    }

    /// The newest block.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn head(&self) -> Result<BlockRef, ClientError> {
        let head = self.reference(BlockNumberOrTag::Latest).await?;
        // A node that has no block at all is still starting; genesis is the only honest answer left.
        head.map_or_else(|| Err(ClientError::UnknownBlock { hash: B256::ZERO }), Ok)
    }

    /// The block of this number or tag (`safe`, `finalized`), without its body.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn reference(&self, at: BlockNumberOrTag) -> Result<Option<BlockRef>, ClientError> {
        let header = self.header(at).await?;
        Ok(header.map(|header| BlockRef {
            number: header.number,
            hash: header.hash(),
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
        }))
    }

    /// The header of this number or tag, its hash checked.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn header(
        &self,
        at: BlockNumberOrTag,
    ) -> Result<Option<Sealed<alloy_consensus::Header>>, ClientError> {
        let method = "eth_getBlockByNumber";
        let found: Option<WireHeader> = self.read(method, (at, false)).await?;
        let Some(wire) = found else { return Ok(None) };
        let header = Sealed::new(wire.header.inner);
        expect("block hash", header.number, wire.header.hash, header.hash())?;
        Ok(Some(header))
    }

    /// The block of this number on the node's canonical chain, senders recovered.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn block_by_number(
        &self,
        number: u64,
    ) -> Result<Option<RecoveredBlock>, ClientError> {
        self.sealed_block_by_number(number).await?.map(recover).transpose()
    }

    /// The block of this hash, senders recovered.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn block_by_hash(&self, hash: B256) -> Result<Option<RecoveredBlock>, ClientError> {
        let block = self.fetch_block("eth_getBlockByHash", hash).await?;
        if let Some(block) = &block {
            expect("block hash", block.header.number, hash, block.hash())?;
        }
        block.map(recover).transpose()
    }

    /// The block of this number, checked but without the senders: recovery is most of the cost of a block, and a reader that
    /// looks for a few transactions recovers only those.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn sealed_block_by_number(
        &self,
        number: u64,
    ) -> Result<Option<SealedBlock>, ClientError> {
        self.fetch_block("eth_getBlockByNumber", BlockNumberOrTag::Number(number)).await
    }

    async fn fetch_block<P: alloy_json_rpc::RpcSend>(
        &self,
        method: &'static str,
        which: P,
    ) -> Result<Option<SealedBlock>, ClientError> {
        let found: Option<WireBlock> = self.read(method, (which, true)).await?;
        let Some(wire) = found else { return Ok(None) };
        let claimed = wire.header.hash;
        let block: Block = wire
            .map_header(|header| header.inner)
            .map_transactions(Into::into)
            .into_consensus_block();
        let header = &block.header;
        let computed = header.hash_slow();
        expect("block hash", header.number, claimed, computed)?;
        let root = calculate_transaction_root(&block.body.transactions);
        expect("transactions root", header.number, header.transactions_root, root)?;
        Ok(Some(Sealed::new_unchecked(block, computed)))
    }

    /// The receipts of a block, one a transaction, in order (`eth_getBlockReceipts`).
    ///
    /// They are not checked against the header; [`executed_block`](Self::executed_block) does that.
    ///
    /// # Errors
    /// [`ClientError::UnknownBlock`] if the node does not know the block; any [`ClientError`].
    pub async fn receipts(&self, block_hash: B256) -> Result<Vec<Receipt>, ClientError> {
        let found: Option<Vec<TransactionReceipt>> =
            self.read("eth_getBlockReceipts", (block_hash,)).await?;
        let receipts = found.ok_or(ClientError::UnknownBlock { hash: block_hash })?;
        Ok(receipts.into_iter().map(|receipt| receipt.inner.into()).collect())
    }

    /// A block with its receipts, both checked against the header. The state diff is unknown to a follower.
    ///
    /// # Errors
    /// [`ClientError::UnknownBlock`] if the node does not know the block; any [`ClientError`].
    pub async fn executed_block(&self, block_hash: B256) -> Result<ExecutedBlock, ClientError> {
        let block = self.block_by_hash(block_hash).await?;
        let block = block.ok_or(ClientError::UnknownBlock { hash: block_hash })?;
        let receipts = self.receipts(block_hash).await?;
        let with_bloom: Vec<_> =
            receipts.iter().map(alloy_consensus::TxReceipt::with_bloom_ref).collect();
        let header = block.header();
        let root = calculate_receipt_root(&with_bloom);
        expect("receipts root", header.number, header.receipts_root, root)?;
        Ok(ExecutedBlock { block: Arc::new(block), receipts: Arc::new(receipts), diff: None })
    }

    /// Executes a call on the state after a block, without changing it (`eth_call`).
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the revert data if it reverts; any [`ClientError`].
    pub async fn call(
        &self,
        to: Address,
        data: Bytes,
        block_hash: B256,
    ) -> Result<Bytes, ClientError> {
        let call = CallRequest { to, data };
        self.read("eth_call", (call.to_rpc(), BlockId::hash(block_hash))).await
    }

    /// A storage slot after a block.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn storage_at(
        &self,
        address: Address,
        slot: U256,
        block_hash: B256,
    ) -> Result<U256, ClientError> {
        let at = BlockId::hash(block_hash);
        let value: U256 = self.read("eth_getStorageAt", (address, B256::from(slot), at)).await?;
        Ok(value)
    }

    /// The code of an account after a block; empty if it has none.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn code(&self, address: Address, block_hash: B256) -> Result<Bytes, ClientError> {
        self.read("eth_getCode", (address, BlockId::hash(block_hash))).await
    }

    /// The balance of an account after a block, in wei.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn balance(&self, address: Address, block_hash: B256) -> Result<U256, ClientError> {
        self.read("eth_getBalance", (address, BlockId::hash(block_hash))).await
    }

    /// The nonce of an account: transactions included up to `at`, or also those waiting (`pending`).
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn nonce(&self, address: Address, at: BlockNumberOrTag) -> Result<u64, ClientError> {
        let nonce: U64 = self.read("eth_getTransactionCount", (address, at)).await?;
        Ok(nonce.to())
    }

    /// The logs that match (`eth_getLogs`), in order.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, ClientError> {
        self.read("eth_getLogs", (filter.clone(),)).await
    }

    /// Every log of the canonical chain that begins with these two topics, in order. Nodes refuse what takes them too long.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn topic_logs(
        &self,
        [first, second]: [B256; 2],
    ) -> Result<Vec<alloy_primitives::Log>, ClientError> {
        let filter = Filter::new()
            .from_block(BlockNumberOrTag::Earliest)
            .to_block(BlockNumberOrTag::Latest)
            .event_signature(first)
            .topic1(second);
        let logs = self.logs(&filter).await?;
        Ok(logs.into_iter().map(|log| log.inner).collect())
    }
}

fn recover(block: SealedBlock) -> Result<RecoveredBlock, ClientError> {
    let number = block.header.number;
    RecoveredBlock::recover(block.into_inner())
        .map_err(|source| ClientError::Sender { block: number, source })
}

pub(crate) fn expect(
    part: &'static str,
    block: u64,
    claimed: B256,
    computed: B256,
) -> Result<(), ClientError> {
    if claimed == computed {
        Ok(())
    } else {
        Err(ClientError::Inconsistent { part, block, claimed, computed })
    }
}
