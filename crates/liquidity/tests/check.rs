//! `pools_check` on a real node with Uniswap's own bytecode, against an honest arena and against ones that lie a little.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use weir_feed::FeedProducer;
use weir_follower::ChainClient;
use weir_liquidity::{
    BlockSource, CheckError, CheckOptions, CheckReport, Difference, LiquidityDriver,
    LiquidityHandle, LiquidityOptions, TradingState, pools_check,
};
use weir_primitives::{BlockRef, ExecutedBlock, StateError};
use weir_rpc::{ListPools, PathHop, PoolsBackend};
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::Peers;

/// The first account of the test mnemonic, which anvil signs for.
const USER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const CHAIN: u64 = 31_337;

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

struct Node {
    client: ChainClient,
    peers: Peers,
}

impl Node {
    async fn send(&self, to: Option<Address>, data: impl Into<Bytes>) -> Value {
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

    async fn deploy(&self, artifact: &str, arguments: &[u8]) -> Address {
        let text = std::fs::read_to_string(self.peers.root().join(artifact)).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let code =
            json["bytecode"].as_str().or_else(|| json["bytecode"]["object"].as_str()).unwrap();
        let mut code = hex::decode(code).unwrap();
        code.extend(arguments);
        serde_json::from_value(self.send(None, code).await["contractAddress"].clone()).unwrap()
    }

    async fn address(&self, to: Address, data: Vec<u8>) -> Address {
        let head = self.client.head().await.unwrap();
        let answer = self.client.call(to, data.into(), head.hash).await.unwrap();
        Address::abi_decode(&answer).unwrap()
    }

    async fn blocks(&self) -> Blocks {
        let head = self.client.head().await.unwrap();
        let mut blocks = Vec::new();
        for number in 0..=head.number {
            let block = self.client.sealed_block_by_number(number).await.unwrap().unwrap();
            blocks.push(self.client.executed_block(block.hash()).await.unwrap());
        }
        Blocks(blocks)
    }
}

/// All blocks of the node.
struct Blocks(Vec<ExecutedBlock>);

impl BlockSource for Blocks {
    fn tip(&self) -> Result<BlockRef, StateError> {
        Ok(self.0.last().unwrap().reference())
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        Ok(self.0.get(number as usize).cloned())
    }
}

/// Tokens, a pair and a pool with a history of mints, burns and swaps.
async fn trade(node: &Node) -> (Address, Address) {
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
    (pair, pool)
}

type Lie = fn(&str, &mut Value);

/// Answers `weir_` methods from the engine, with a change of our choice.
async fn arena_server(handle: LiquidityHandle, lie: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, handle.clone(), lie));
        }
    });
    url
}

async fn serve(mut stream: TcpStream, handle: LiquidityHandle, lie: Lie) {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let length = head.and_then(|end| {
            let text = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let value = text.split("content-length:").nth(1)?.lines().next()?;
            Some(end + 4 + value.trim().parse::<usize>().ok()?)
        });
        let Some((start, end)) = head.zip(length).filter(|(_, end)| bytes.len() >= *end) else {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let request: Value = serde_json::from_slice(&bytes[start + 4..end]).unwrap();
        bytes.drain(..end);
        let body = answer(&handle, &request, lie).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    }
}

fn answer(handle: &LiquidityHandle, request: &Value, lie: Lie) -> Value {
    let (method, params) = (request["method"].as_str().unwrap(), &request["params"]);
    let number = |value: &Value| {
        value.as_str().map(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap())
    };
    let result = match method {
        "weir_listPools" => {
            let request: ListPools = serde_json::from_value(params[0].clone()).unwrap();
            handle.list_pools(&request).map(|pools| json!(pools))
        }
        "weir_getPool" => {
            handle.get_pool(params[0].as_str().unwrap(), number(&params[1])).map(|pool| json!(pool))
        }
        "weir_quote" => {
            let path: Vec<PathHop> = serde_json::from_value(params[0].clone()).unwrap();
            let amount: U256 = serde_json::from_value(params[1].clone()).unwrap();
            handle.quote(&path, amount).map(|quote| json!(quote))
        }
        other => panic!("{other}"),
    };
    let mut response = match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": request["id"], "result": result}),
        Err(error) => {
            let error = json!({"code": -32602, "message": error.to_string()});
            json!({"jsonrpc": "2.0", "id": request["id"], "error": error})
        }
    };
    lie(method, &mut response["result"]);
    response
}

fn add_one(value: &mut Value, delta: i64) {
    let number: i128 = value.as_str().unwrap().parse().unwrap();
    *value = json!((number + i128::from(delta)).to_string());
}

const LIES: [(&str, Lie); 8] = [
    ("status", |method, pools| {
        if method == "weir_listPools" {
            pools[1]["status"] = json!("halted");
        }
    }),
    ("reserve1", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v2" {
            add_one(&mut pool["reserve1"], 1);
        }
    }),
    ("liquidity", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            add_one(&mut pool["liquidity"], -1);
        }
    }),
    ("tick[-600].liquidityNet", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            let tick =
                pool["ticks"].as_array_mut().unwrap().iter_mut().find(|tick| tick["index"] == -600);
            add_one(&mut tick.unwrap()["liquidityNet"], 1);
        }
    }),
    ("tick[600].liquidityGross", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            pool["ticks"].as_array_mut().unwrap().retain(|tick| tick["index"] != 600);
        }
    }),
    ("tick[120].liquidityGross", |method, pool| {
        if method == "weir_getPool" && pool["protocol"] == "v3" {
            let tick = json!({"index": 120, "liquidityGross": "77", "liquidityNet": "77"});
            pool["ticks"].as_array_mut().unwrap().push(tick);
        }
    }),
    ("quote[", |method, quote| {
        if method == "weir_quote" && quote.is_object() {
            add_one(&mut quote["amountOut"], 1);
        }
    }),
    ("quote[", |method, quote| {
        if method == "weir_quote" && quote.is_object() && quote["amountOut"] != "0" {
            add_one(&mut quote["amountOut"], -1);
        }
    }),
];

#[tokio::test]
async fn contracts_and_arena_agree_and_every_lie_is_found() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, url) = peers.anvil(&["--no-mining"]);
    let node = Node { client: ChainClient::connect(&url).await.unwrap(), peers };
    let (pair, pool) = trade(&node).await;

    let source: Arc<dyn BlockSource> = Arc::new(node.blocks().await);
    let tip: BlockRef = source.tip().unwrap();
    let (driver, handle, _updates) = LiquidityDriver::new(
        LiquidityOptions::own_chain(CHAIN),
        source,
        FeedProducer::new(CHAIN, 1, 128),
    );
    let shutdown = Shutdown::new();
    let driver = tokio::spawn(driver.run(shutdown.clone()));
    let mut changes = handle.subscribe();
    changes.wait_for(|_| handle.state() == TradingState::Live).await.unwrap();
    let listed: Vec<_> =
        handle.view().head.pools().map(|(_, pool)| pool.statics().key.id).collect();
    assert_eq!(listed, [pair.into(), pool.into()]);

    let check = async |lie: Lie| {
        let arena_url = Some(arena_server(handle.clone(), lie).await);
        pools_check(&CheckOptions { rpc_url: url.clone(), arena_url }).await.unwrap()
    };
    let report = check(|_, _| {}).await;
    assert_eq!(report.difference, None);
    assert_eq!((report.block_hash, report.pools, report.words), (tip.hash, 2, 116));
    // -887220, -15360, -600, -60, 600, 887220; what lay between 60 and 180 is burnt.
    assert_eq!((report.ticks, report.skipped.len()), (6, 0));
    assert!(report.quotes >= 18, "{report:?}");

    for (field, lie) in LIES {
        let difference = check(lie).await.difference.expect(field);
        assert!(difference.field.starts_with(field), "{difference}");
        assert_ne!(difference.chain, difference.arena);
    }
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools[0]["blockHash"] = json!(B256::repeat_byte(1));
            pools[0]["blockNumber"] = json!(u64::from(u32::MAX));
        }
    };
    assert!(check(lie).await.difference.unwrap().field.starts_with("hash of block"));
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools[0]["status"] = json!("resyncing");
        }
    };
    let report = check(lie).await;
    assert_eq!((report.pools, report.difference), (1, None));
    assert_eq!(report.skipped, [(pair.to_string(), "resyncing".to_owned())]);
    let lie: Lie = |method, pools| {
        if method == "weir_listPools" {
            pools
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|pool| pool["status"] = json!("resyncing"));
        }
    };
    let arena_url = Some(arena_server(handle.clone(), lie).await);
    let nothing = pools_check(&CheckOptions { rpc_url: url.clone(), arena_url }).await;
    assert!(matches!(nothing, Err(CheckError::NothingCompared { listed: 2 })), "{nothing:?}");
    shutdown.trigger(ShutdownReason::Done);
    driver.await.unwrap().unwrap();
}

#[test]
fn a_report_reads_as_lines() {
    let mut report = CheckReport {
        block_number: 7,
        pools: 2,
        words: 116,
        ticks: 6,
        quotes: 18,
        skipped: vec![("0xab".to_owned(), "resyncing".to_owned())],
        ..CheckReport::default()
    };
    let zero = B256::ZERO;
    let lines = format!(
        "block 7 {zero}: compared 2 pools, 116 bitmap words, 6 ticks, 18 quotes\nskipped 0xab: resyncing\n"
    );
    assert_eq!(report.to_string(), format!("{lines}no difference"));
    let [pool, field, chain, arena] = ["0xcd", "status", "live", "halted"].map(str::to_owned);
    report.difference = Some(Difference { pool, field, chain, arena });
    let difference = "difference: pool=0xcd field=status chain=live arena=halted";
    assert_eq!(report.to_string(), format!("{lines}{difference}"));
}
