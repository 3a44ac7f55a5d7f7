//! The engine over a chain's blocks, and a server that answers from it, perhaps with a lie.

use crate::{anvil::CHAIN, blocks::Blocks};
use alloy_primitives::U256;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use weir_feed::FeedProducer;
use weir_liquidity::{
    CheckError, CheckOptions, CheckReport, LiquidityDriver, LiquidityError, LiquidityHandle,
    LiquidityOptions, LiquidityService, TradingState, pools_check,
};
use weir_rpc::{ListPools, PathHop, PoolBlock, PoolsBackend};
use weir_runtime::{Shutdown, ShutdownReason};

/// An engine that has taken in all blocks of a node.
pub(crate) struct Engine {
    pub(crate) handle: LiquidityHandle,
    url: String,
    shutdown: Shutdown,
    driver: JoinHandle<Result<(), LiquidityError>>,
}

impl Engine {
    /// Takes in `blocks` of the node at `url`.
    pub(crate) async fn start(url: &str, blocks: Blocks) -> Self {
        let (driver, handle, _updates) = LiquidityDriver::new(
            LiquidityOptions::own_chain(CHAIN),
            Arc::new(blocks),
            FeedProducer::new(CHAIN, 1, 128),
        );
        let shutdown = Shutdown::new();
        let driver = tokio::spawn(driver.run(shutdown.clone()));
        let mut changes = handle.subscribe();
        changes.wait_for(|_| handle.state() == TradingState::Live).await.unwrap();
        Self { handle, url: url.to_owned(), shutdown, driver }
    }

    /// The check against the node, of an arena that lies.
    pub(crate) async fn try_check(&self, lie: Lie) -> Result<CheckReport, CheckError> {
        let arena_url = Some(arena_server(self.handle.clone(), lie).await);
        pools_check(&CheckOptions { rpc_url: self.url.clone(), arena_url }).await
    }

    /// As [`Self::try_check`]; the check can be made.
    pub(crate) async fn check(&self, lie: Lie) -> CheckReport {
        self.try_check(lie).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        self.driver.await.unwrap().unwrap();
    }
}

/// Changes the result of a method.
pub(crate) type Lie = fn(&str, &mut Value);

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
    let block = |value: &Value| {
        let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        value.as_str().map_or(PoolBlock::Latest, |text| PoolBlock::Number(number(text)))
    };
    let result = match method {
        "weir_listPools" => {
            let request: ListPools = serde_json::from_value(params[0].clone()).unwrap();
            LiquidityService::pools_only(handle.clone())
                .list_pools(&request)
                .map(|pools| json!(pools))
        }
        "weir_getPool" => LiquidityService::pools_only(handle.clone())
            .get_pool(params[0].as_str().unwrap(), block(&params[1]))
            .map(|pool| json!(pool)),
        "weir_quote" => {
            let path: Vec<PathHop> = serde_json::from_value(params[0].clone()).unwrap();
            let amount: U256 = serde_json::from_value(params[1].clone()).unwrap();
            LiquidityService::pools_only(handle.clone())
                .quote(&path, amount, PoolBlock::Latest)
                .map(|quote| json!(quote))
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
    if let Some(result) = response.get_mut("result") {
        lie(method, result);
    }
    response
}

/// Changes a decimal string.
pub(crate) fn add_one(value: &mut Value, delta: i64) {
    let number: i128 = value.as_str().unwrap().parse().unwrap();
    *value = json!((number + i128::from(delta)).to_string());
}
