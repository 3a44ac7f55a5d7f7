//! The command line.

pub(crate) mod liquidity;

use crate::settings::{Settings, parse_history};
use alloy_primitives::{Address, B256};
use clap::{Args, Parser, Subcommand, ValueEnum};
use liquidity::LiquidityArgs;
use std::{path::PathBuf, str::FromStr, time::Duration};
use weir_feed::NatsWhitelistUrl;
use weir_keys::KeySource;
use weir_storage::{CrashPoint, HistoryWindow};

/// An EVM rollup sequencer and a reorg-safe DEX liquidity engine in one program.
#[derive(Debug, Parser)]
#[command(name = "weir", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a single-node chain for development.
    Dev(NodeArgs),
    /// Run a node from a configuration file.
    Node(NodeArgs),
    /// Run the demonstration: a node, real Uniswap pools, steady traffic and a check of the pools.
    Demo(DemoArgs),
    /// Follow chains and serve their pools, quotes, paths and order books, without a sequencer.
    Liquidity(Box<LiquidityArgs>),
    /// Show the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Read the pool feed.
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Publish lists of pools.
    #[command(subcommand)]
    Whitelist(WhitelistCommand),
    /// Inspect pool state.
    #[command(subcommand)]
    Pools(PoolsCommand),
    /// Put load on an Ethereum node and measure it.
    Load(LoadArgs),
    /// Rebuild the chain from L1 alone.
    Derive(DeriveArgs),
    /// Execute and check a chain from a file of RLP blocks, and store it for a follower to serve.
    Import(ImportArgs),
    /// Check blocks by their witnesses, without a node.
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Check state proofs, without a node.
    #[command(subcommand)]
    Proof(ProofCommand),
    /// Control a running node through its admin API.
    Admin(AdminArgs),
    /// Ask a running node whether it is ready; exit 1 unless it is.
    Health(HealthArgs),
    /// Make and keep the keys that a node signs with.
    #[command(subcommand)]
    Key(KeyCommand),
    /// See whether this program can take over the data of another version.
    #[command(subcommand)]
    Upgrade(UpgradeCommand),
    /// Inspect the store of a node that is not running.
    #[command(subcommand)]
    Db(DbCommand),
    /// Inspect the journal of accepted transactions.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Check receipts that a sequencer signed, without a node.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// Run Ethereum's JSON state tests.
    Statetest(ConformanceArgs),
    /// Run Ethereum's JSON blockchain tests.
    Blocktest(ConformanceArgs),
    /// Run Ethereum's JSON witness tests.
    Witnesstest(ConformanceArgs),
}

/// A node's command line.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Configuration file: TOML, one `setting-name = value` a line.
    #[arg(long, env = "WEIR_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print one line of JSON with the addresses on standard output once the node serves.
    #[arg(long)]
    pub(crate) print_ready: bool,

    /// For tests: die, as by `kill -9`, when a named point of the code is passed for the N-th time.
    #[arg(long, hide = true, value_name = "POINT:N")]
    pub(crate) crash_at: Option<CrashAt>,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// When a test lets the node die.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CrashAt {
    /// Where.
    pub(crate) point: CrashPoint,
    /// At which passing of it; the first is 1.
    pub(crate) time: u64,
}

impl FromStr for CrashAt {
    type Err = eyre::Report;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (point, time) = text.split_once(':').unwrap_or((text, "1"));
        Ok(Self { point: point.parse()?, time: time.parse()? })
    }
}

/// The demonstration's command line.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stop by itself after this time.
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) duration: Option<Duration>,

    /// Transactions a second.
    #[arg(long, default_value_t = 40, value_name = "R")]
    pub(crate) rate: u32,

    /// Folder with node_modules and the compiled contracts.
    #[arg(long, default_value = "e2e", value_name = "DIR")]
    pub(crate) artifacts: PathBuf,

    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every effective setting with its origin.
    Print(NodeArgs),
}

/// Commands about the feed.
#[derive(Debug, Subcommand)]
pub(crate) enum FeedCommand {
    /// Print the stream as it comes.
    Tail {
        /// The node's feed socket.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Record the stream to a file; one that exists is continued.
    Record {
        /// The node's feed socket.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// The file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Stop after so many blocks. Default: when interrupted.
        #[arg(long, value_name = "N")]
        blocks: Option<u64>,
    },
    /// Read a recording; exit 1 if it does not hold together.
    Replay {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Apply it to an arena, reorgs included, and compare with one that sees the final branch alone.
        #[arg(long)]
        verify: bool,
    },
}

/// What a published list does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhitelistKindArg {
    /// It replaces the list.
    Full,
    /// It adds pools.
    Add,
    /// It removes pools.
    Remove,
}

/// Commands about whitelists.
#[derive(Debug, Subcommand)]
pub(crate) enum WhitelistCommand {
    /// Check a list and publish it over NATS.
    Publish {
        /// The list in JSON.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The server and the chain as its subjects call it: nats://SERVER#CHAIN.
        #[arg(long, value_name = "URL")]
        nats: NatsWhitelistUrl,
        /// EIP-155 id of the chain. Default: the URL's chain, if it is a number.
        #[arg(long, value_name = "ID")]
        chain_id: Option<u64>,
        /// What the list does, unless it says so itself.
        #[arg(long, default_value = "full", value_name = "KIND")]
        kind: WhitelistKindArg,
        /// Wait until so many consumers have applied it.
        #[arg(long, default_value_t = 0, value_name = "N")]
        wait: usize,
        /// How long to wait for them.
        #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
        timeout: Duration,
    },
}

/// Commands about pools.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolsCommand {
    /// Compare the arena with the contracts at one block; exit 1 on the first difference.
    Check {
        /// The node whose contracts are read.
        #[arg(long, value_name = "URL")]
        rpc: String,
        /// The node whose arena is compared. Default: the same.
        #[arg(long, value_name = "URL")]
        arena: Option<String>,
    },
}

/// What traffic to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScenarioArg {
    /// Plain transfers of ether.
    Transfers,
    /// Transfers of an ERC-20 token.
    Erc20,
    /// Swaps on Uniswap V2 pairs.
    V2Swaps,
    /// Swaps on Uniswap V3 pools.
    V3Swaps,
    /// Swaps on Uniswap V4 pools.
    V4Swaps,
    /// All of these.
    Mixed,
}

/// The load generator's command line.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The node.
    #[arg(long, value_name = "URL")]
    pub(crate) rpc: String,
    /// What traffic to send.
    #[arg(long, default_value = "transfers")]
    pub(crate) scenario: ScenarioArg,
    /// Accounts that send.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) accounts: usize,
    /// Transactions a second, or max.
    #[arg(long, default_value = "max", value_name = "R")]
    pub(crate) rate: String,
    /// How long to send.
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) duration: Duration,
    /// Connections to the node.
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub(crate) connections: usize,
    /// Accepted transactions that may wait for a block when the rate is max.
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    pub(crate) pending_max: u32,
    /// How long to wait for the last transactions to be included.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) drain: Duration,
    /// Key that funds the accounts. Default: the first development account's.
    #[arg(long, value_name = "HEX")]
    pub(crate) key: Option<B256>,
    /// Folder with node_modules and the compiled contracts.
    #[arg(long, default_value = "e2e", value_name = "DIR")]
    pub(crate) artifacts: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The derivation's command line.
#[derive(Debug, Args)]
pub(crate) struct DeriveArgs {
    /// The L1 node.
    #[arg(long, value_name = "URL")]
    pub(crate) l1: String,
    /// Folder of the chain that is rebuilt.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Genesis of the rollup. Default: the built-in one.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
    /// Gas limit of the built-in genesis.
    #[arg(long, default_value_t = 1_000_000_000, value_name = "GAS")]
    pub(crate) gas_limit: u64,
    /// Address on L1 that batches are sent to.
    #[arg(long, default_value_t = weir_sequencer::batching::DEFAULT_INBOX, value_name = "ADDRESS")]
    pub(crate) inbox: Address,
    /// Account on L1 that sends batches; given again for each that does or did. Default: any.
    #[arg(long = "batcher", value_name = "ADDRESS")]
    pub(crate) batchers: Vec<Address>,
    /// First L1 block to read.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(crate) l1_start: u64,
}

/// The import's command line.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Folder of the chain's data; a chain that is there is continued.
    #[arg(long, value_name = "DIR")]
    pub(crate) datadir: PathBuf,
    /// Genesis in geth's JSON format, with its fork times.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: PathBuf,
    /// Blocks before the head whose state can be read afterwards; archive keeps all.
    #[arg(long, default_value = "10000", value_parser = parse_history, value_name = "N")]
    pub(crate) history_blocks: HistoryWindow,
    /// The blocks in RLP, one after the other, from block 1 on.
    #[arg(value_name = "FILE")]
    pub(crate) chain: PathBuf,
}

/// Commands about blocks and their witnesses.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Execute a block on what its witness shows; exit 1 unless that proves the block.
    Block {
        /// The witness: what debug_executionWitness or debug_generateBlockWitness answers, or its binary form.
        #[arg(long, value_name = "FILE")]
        witness: PathBuf,
        /// The block in RLP, as bytes or in hexadecimal: what debug_getRawBlock answers.
        #[arg(long, value_name = "FILE")]
        block: PathBuf,
        /// Genesis with the rules of the chain. Default: the built-in one.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// Commands about state proofs.
#[derive(Debug, Subcommand)]
pub(crate) enum ProofCommand {
    /// Check what eth_getProof answers against a state root; exit 1 unless the proof shows it.
    Verify {
        /// The answer in JSON, or - for standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The state root, from a header that is believed.
        #[arg(long, value_name = "HASH")]
        root: B256,
    },
}

/// The command line of an operator.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The node's admin API.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// File with the secret that the node reads, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwt: PathBuf,
    /// Who acts, for the audit log of the node: one word.
    #[arg(long = "as", default_value = "cli", value_name = "NAME")]
    pub(crate) caller: String,
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

/// What an operator does.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Show how the node stands.
    Status,
    /// Halt a part of the node until it is resumed, over restarts.
    Halt {
        /// ingress, sealing, batching or searching.
        #[arg(value_name = "SCOPE")]
        scope: String,
        /// Why; refused clients read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let a part of the node go on.
    Resume {
        /// ingress, sealing, batching or searching.
        #[arg(value_name = "SCOPE")]
        scope: String,
    },
    /// Drop a transaction that is in no block.
    DropTransaction {
        /// Its hash.
        #[arg(value_name = "HASH")]
        hash: B256,
    },
    /// Drop all transactions of a sender that are in no block.
    DropSender {
        /// The sender.
        #[arg(value_name = "ADDRESS")]
        sender: Address,
    },
    /// Replace the filter of the logs.
    LogFilter {
        /// For example info,weir_sequencer=debug.
        #[arg(value_name = "FILTER")]
        filter: String,
    },
    /// Show the limits in force on the JSON-RPC server, or put others in force until they are read again (SIGHUP) or the node is
    /// started again.
    Limits {
        /// The limits, in TOML as for --limits of the node.
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
    /// Sign with another key from now on. Receipts of the key before are still believed for a while.
    RotateKey {
        /// receipt, or l1: the key of batches.
        #[arg(value_name = "ROLE")]
        role: String,
        /// The key, as the setting of the node spells it: a file of the node, or http://HOST:PORT#0xADDRESS. It is kept over restarts
        /// while the setting stays the same. Default: read the present file again.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// File of the node with the password, if it is a keystore.
        #[arg(long, requires = "key", value_name = "FILE")]
        password: Option<PathBuf>,
        /// How long receipts of the present key are believed; 0s if it has been stolen. Default: what the setting says.
        #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
        overlap: Option<Duration>,
    },
    /// Rewrite the journal so that it holds what is needed and nothing else.
    CompactJournal,
    /// Take no more transactions, put those that are executable into blocks, and stop.
    Drain,
}

/// The command line of the probe.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The node's JSON-RPC server.
    #[arg(long, default_value = "http://127.0.0.1:8545", value_name = "URL")]
    pub(crate) url: String,
}

/// Commands about keys. A password file holds the password in its first line.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, and write it into an encrypted keystore.
    New {
        /// Folder of the keystore, which is named after the address.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// File with the password.
        #[arg(long, value_name = "FILE")]
        password: PathBuf,
    },
    /// Write a key from a file of hexadecimal into an encrypted keystore.
    Import {
        /// File with the key.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Folder of the keystore, which is named after the address.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// File with the password.
        #[arg(long, value_name = "FILE")]
        password: PathBuf,
    },
    /// List the keystores of a folder.
    List {
        /// The folder.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// See whether a key signs now, also one that a remote signer keeps; exit 1 if it does not.
    Check {
        /// The key, as a setting spells it: a file, a keystore, or http://HOST:PORT#0xADDRESS.
        #[arg(value_name = "KEY")]
        key: KeySource,
        /// File with the password, if it is a keystore.
        #[arg(long, value_name = "FILE")]
        password: Option<PathBuf>,
    },
    /// Encrypt a keystore with another password.
    Rotate {
        /// The keystore.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// File with the present password.
        #[arg(long, value_name = "FILE")]
        password: PathBuf,
        /// File with the new one.
        #[arg(long, value_name = "FILE")]
        new_password: PathBuf,
    },
}

/// Commands about new versions.
#[derive(Debug, Subcommand)]
pub(crate) enum UpgradeCommand {
    /// Compare the versions of store and journal with those of this program, and show the forks; changes nothing. Exit 0 if a node can
    /// start, 3 if it will migrate the store first, 1 if it will refuse.
    Check {
        /// Folder of the chain's data. No node may be running on it.
        #[arg(long, env = "WEIR_DATADIR", default_value = ".weir/dev", value_name = "DIR")]
        datadir: PathBuf,
        /// Genesis of the chain. Default: the one in the folder, or the built-in one.
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
        /// Gas limit of the built-in genesis.
        #[arg(long, default_value_t = 1_000_000_000, value_name = "GAS")]
        gas_limit: u64,
    },
}

/// Commands about the store.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Check that blocks, indices, state, trie and journal belong together; exit 1 if something does not.
    Check {
        /// Folder of the chain's data.
        #[arg(long, env = "WEIR_DATADIR", default_value = ".weir/dev", value_name = "DIR")]
        datadir: PathBuf,
        /// Newest blocks to check. Default: all.
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true, value_name = "N")]
        blocks: u64,
    },
}

/// Commands about the journal.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Print the records, one JSON object a line; changes nothing.
    Dump {
        /// The journal's folder or file: journal in a node's data folder.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
}

/// What `weir receipt` does.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// Check what weir_sendRawTransactionSigned answers; exit 1 unless the signer signed it.
    Verify {
        /// The answer in JSON, or - for standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The address that must have signed. Default: the one that the receipt names.
        #[arg(long, value_name = "ADDRESS")]
        signer: Option<Address>,
        /// What weir_receiptSigners answers, in JSON: one of these must have signed, in its time.
        #[arg(long, conflicts_with = "signer", value_name = "FILE")]
        signers: Option<PathBuf>,
    },
}

/// The command line of the conformance runners.
#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    /// Files or folders of JSON tests.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}
