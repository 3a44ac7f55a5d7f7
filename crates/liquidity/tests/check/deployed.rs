//! All contracts of `weir load` on a node, and the traffic of `make run` on them.

use crate::anvil::Node;
use alloy_primitives::Address;
use alloy_sol_types::SolValue;
use std::num::NonZeroU32;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weir_follower::ChainClient;
use weir_load::{Deployment, Traffic, TrafficConfig, TrafficCounters, Wallet};
use weir_testkit::{Child, Peers};

const ARGUMENTS: [&str; 4] = ["--gas-limit", "1000000000", "--block-time", "0.1"];
const QUOTER_V2: &str =
    "node_modules/@uniswap/v3-periphery/artifacts/contracts/lens/QuoterV2.sol/QuoterV2.json";

/// A node with a history of swaps, mints, burns and fee changes.
pub(crate) struct Deployed {
    pub(crate) url: String,
    pub(crate) node: Node,
    pub(crate) deployment: Deployment,
    /// Uniswap's own quotes of V3 pools.
    pub(crate) quoter_v2: Address,
    /// Number of the last block before the traffic.
    pub(crate) traffic_from: u64,
    _anvil: Child,
}

impl Deployed {
    /// Deploys, and streams until `transactions` are in blocks. `None` if the packages are absent.
    pub(crate) async fn start(transactions: u64, seed: u64) -> Option<Self> {
        let peers = Peers::find()?;
        let (anvil, url) = peers.anvil(&ARGUMENTS);
        let config = TrafficConfig {
            rpc: url.clone(),
            key: Wallet::test_account(),
            artifacts: peers.root().to_owned(),
            accounts: 8,
            rate: NonZeroU32::new(150).unwrap(),
            seed,
        };
        let node = Node { client: ChainClient::connect(&url).await.unwrap(), peers };
        let traffic = Traffic::prepare(config).await.unwrap();
        let deployment = traffic.deployment().clone();
        let arguments = (deployment.v3_factory, deployment.weth.address).abi_encode_params();
        let quoter_v2 = node.deploy(QUOTER_V2, &arguments).await;
        let traffic_from = node.client.head().await.unwrap().number;
        let (counters, mut watched) = watch::channel(TrafficCounters::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(traffic.run(counters, stop.clone()));
        watched.wait_for(|now| now.included >= transactions).await.unwrap();
        stop.cancel();
        let last = running.await.unwrap().unwrap();
        assert_eq!((last.rejected, last.reverted), (0, 0), "{last:?}");
        Some(Self { url, node, deployment, quoter_v2, traffic_from, _anvil: anvil })
    }
}
