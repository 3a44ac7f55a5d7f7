//! A real node with Uniswap's own bytecode.
#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use alloy_primitives::{Address, Bytes, U256, address, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};
use weir_follower::ChainClient;
use weir_testkit::Peers;

/// The first account of the test mnemonic, which anvil signs for.
pub const USER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub const CHAIN: u64 = 31_337;

sol! {
    function mint(address to, uint256 amount);
    function createPair(address a, address b) returns (address);
    function getPair(address a, address b) returns (address);
    function createPool(address a, address b, uint24 fee) returns (address);
    function getPool(address a, address b, uint24 fee) returns (address);
    function initialize(uint160 sqrtPriceX96);
    function mintV2(address pair, uint256 amount0, uint256 amount1, bool own);
    function swapV2(address pair, bool zeroForOne, uint256 amountIn, bool own);
    function mintV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
    function burnV3(address pool, int24 lower, int24 upper, uint128 liquidity, bool own);
    function swapV3(address pool, bool zeroForOne, int256 amount, bool own);
}

pub struct Node {
    pub client: ChainClient,
    pub peers: Peers,
}

impl Node {
    pub async fn send(&self, to: Option<Address>, data: impl Into<Bytes>) -> Value {
        let data: Bytes = data.into();
        let mut request = json!({"from": USER, "data": data, "gas": "0x1c9c380"});
        if let Some(to) = to {
            request["to"] = json!(to);
        }
        let hash = self.client.read_json("eth_sendTransaction", json!([request])).await.unwrap();
        // Mining on request is done when the answer comes; mining by itself is not.
        self.client.read_json("evm_mine", json!([])).await.unwrap();
        let receipt =
            self.client.read_json("eth_getTransactionReceipt", json!([hash])).await.unwrap();
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    pub async fn deploy(&self, artifact: &str, arguments: &[u8]) -> Address {
        let text = std::fs::read_to_string(self.peers.root().join(artifact)).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let code =
            json["bytecode"].as_str().or_else(|| json["bytecode"]["object"].as_str()).unwrap();
        let mut code = hex::decode(code).unwrap();
        code.extend(arguments);
        serde_json::from_value(self.send(None, code).await["contractAddress"].clone()).unwrap()
    }

    pub async fn address(&self, to: Address, data: Vec<u8>) -> Address {
        let head = self.client.head().await.unwrap();
        let answer = self.client.call(to, data.into(), head.hash).await.unwrap();
        Address::abi_decode(&answer).unwrap()
    }
}

/// What [`trade`] deployed.
#[derive(Debug, Clone, Copy)]
pub struct Market {
    pub tokens: [Address; 2],
    pub swapper: Address,
    pub v2: Address,
    pub v3: Address,
    pub pair: Address,
    pub pool: Address,
}

/// Tokens, a pair and a pool with a history of mints, burns and swaps.
pub async fn trade(node: &Node) -> Market {
    let token =
        |name: &str| (name.to_owned(), name.to_owned(), U256::from(18), USER).abi_encode_params();
    let artifact = "artifacts/TestToken.json";
    let mut tokens =
        [node.deploy(artifact, &token("A")).await, node.deploy(artifact, &token("B")).await];
    tokens.sort_unstable();
    let [a, b] = tokens;
    let swapper = node.deploy("artifacts/Swapper.json", &[]).await;
    let (v2, v3) = (
        "node_modules/@uniswap/v2-core/build/UniswapV2Factory.json",
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
    );
    let (v2, v3) = (node.deploy(v2, &USER.abi_encode()).await, node.deploy(v3, &[]).await);
    for token in tokens {
        let amount = U256::from(10).pow(U256::from(30));
        node.send(Some(token), mintCall { to: swapper, amount }.abi_encode()).await;
    }
    node.send(Some(v2), createPairCall { a, b }.abi_encode()).await;
    let pair = node.address(v2, getPairCall { a, b }.abi_encode()).await;
    let fee = alloy_primitives::aliases::U24::from(3000);
    node.send(Some(v3), createPoolCall { a, b, fee }.abi_encode()).await;
    let pool = node.address(v3, getPoolCall { a, b, fee }.abi_encode()).await;
    let price = alloy_primitives::U160::from(1) << 96;
    node.send(Some(pool), initializeCall { sqrtPriceX96: price }.abi_encode()).await;
    let own = true;
    let (amount0, amount1) = (U256::from(10u64.pow(18)), U256::from(3 * 10u64.pow(18)));
    node.send(Some(swapper), mintV2Call { pair, amount0, amount1, own }.abi_encode()).await;
    for (lower, upper, liquidity) in [
        (-887_220, 887_220, 10u128.pow(18)),
        (-600, 600, 10u128.pow(20)),
        (60, 180, 77),
        (-15_360, -60, 10u128.pow(15)),
    ] {
        let (lower, upper) = (lower.try_into().unwrap(), upper.try_into().unwrap());
        node.send(Some(swapper), mintV3Call { pool, lower, upper, liquidity, own }.abi_encode())
            .await;
    }
    for (zero_for_one, amount) in [
        (true, 10u64.pow(17)),
        (false, 3 * 10u64.pow(18)),
        (true, 12_345),
        (true, 9 * 10u64.pow(18)),
    ] {
        let amount_in = U256::from(amount / 10);
        let swap = swapV2Call { pair, zeroForOne: zero_for_one, amountIn: amount_in, own };
        node.send(Some(swapper), swap.abi_encode()).await;
        let amount = amount.try_into().unwrap();
        let swap = swapV3Call { pool, zeroForOne: zero_for_one, amount, own };
        node.send(Some(swapper), swap.abi_encode()).await;
    }
    let (lower, upper) = (60.try_into().unwrap(), 180.try_into().unwrap());
    node.send(Some(swapper), burnV3Call { pool, lower, upper, liquidity: 77, own }.abi_encode())
        .await;
    Market { tokens, swapper, v2, v3, pair, pool }
}
