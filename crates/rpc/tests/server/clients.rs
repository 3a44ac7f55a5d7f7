//! A stock client library against the server.

use crate::node;
use alloy_primitives::U64;
use jsonrpsee::{
    core::{
        client::{BatchResponse, ClientT, Subscription, SubscriptionClientT},
        params::BatchRequestBuilder,
    },
    http_client::HttpClientBuilder,
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::Value;

#[tokio::test]
async fn an_http_client_calls_and_batches() {
    let node = node().await;
    let client = HttpClientBuilder::default().build(format!("http://{}", node.address)).unwrap();
    let id: U64 = client.request("eth_chainId", rpc_params![]).await.unwrap();
    assert_eq!(id, U64::from(61_972));
    let error = client.request::<Value, _>("eth_noSuch", rpc_params![]).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    let mut batch = BatchRequestBuilder::new();
    batch.insert("eth_chainId", rpc_params![]).unwrap();
    batch.insert("eth_blockNumber", rpc_params![]).unwrap();
    let answers: BatchResponse<'_, U64> = client.batch_request(batch).await.unwrap();
    assert_eq!(answers.num_successful_calls(), 2);
}

#[tokio::test]
async fn a_websocket_client_subscribes() {
    let node = node().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", node.address)).await.unwrap();
    let mut heads: Subscription<Value> = client
        .subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe")
        .await
        .unwrap();
    for salt in 0..3 {
        let block = node.chain.commit(salt, Vec::new());
        let head = heads.next().await.unwrap().unwrap();
        assert_eq!(head["hash"], block.block.hash().to_string());
    }
    heads.unsubscribe().await.unwrap();
    let number: U64 = client.request("eth_blockNumber", rpc_params![]).await.unwrap();
    assert_eq!(number, U64::from(3));
}
