//! Lists made for tests.

use alloy_primitives::Address;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use weir_arena::PoolId;
use weir_feed::{
    NatsWhitelistUrl, WhitelistDocument, WhitelistHandle, WhitelistKind, WhitelistOptions,
    WhitelistSource, WhitelistStatus, WhitelistUpdate,
};
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::NatsServer;

pub(crate) const CHAIN: u64 = 1;
/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn pool(number: u64) -> Address {
    let mut address = Address::repeat_byte(0x77);
    address.0[12..].copy_from_slice(&number.to_be_bytes());
    address
}

pub(crate) fn row(number: u64) -> Value {
    json!({
        "address": pool(number),
        "protocol": "v2",
        "token0": {"address": Address::with_last_byte(1), "symbol": "A", "decimals": 18},
        "token1": {"address": Address::with_last_byte(2), "symbol": "B", "decimals": 6},
        "fee": 3000,
    })
}

/// A full list or an addition of these pools.
pub(crate) fn list(snapshot_id: u64, numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let rows: Vec<_> = numbers.into_iter().map(row).collect();
    json!({"snapshot_id": snapshot_id, "chain": "ethereum", "pools": rows}).to_string().into()
}

pub(crate) fn removal(snapshot_id: u64, numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let rows: Vec<_> = numbers.into_iter().map(pool).collect();
    let message = json!({"snapshot_id": snapshot_id, "chain": "ethereum", "pool_addresses": rows});
    message.to_string().into()
}

pub(crate) fn document(snapshot_id: u64, numbers: std::ops::Range<u64>) -> WhitelistDocument {
    let json = list(snapshot_id, numbers);
    WhitelistDocument::parse(&json, CHAIN, WhitelistKind::Full, snapshot_id).unwrap()
}

pub(crate) fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<PoolId> {
    numbers.into_iter().map(|number| PoolId::Address(pool(number))).collect()
}

pub(crate) fn url(server: &NatsServer, chain: &str) -> NatsWhitelistUrl {
    format!("{}#{chain}", server.url()).parse().unwrap()
}

/// Waits that are short, so that faults are over soon.
pub(crate) fn options(url: NatsWhitelistUrl) -> WhitelistOptions {
    WhitelistOptions {
        retry_interval: Duration::from_millis(200),
        backoff_base: Duration::from_millis(10),
        backoff_max: Duration::from_millis(100),
        ..WhitelistOptions::new(url, CHAIN)
    }
}

/// A source that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) handle: WhitelistHandle,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(options: WhitelistOptions) -> Self {
        let (source, handle) = WhitelistSource::new(options);
        let shutdown = Shutdown::new();
        let task = tokio::spawn(source.run(shutdown.clone()));
        Self { handle, shutdown, task }
    }

    pub(crate) async fn next(&mut self) -> WhitelistUpdate {
        let next = tokio::time::timeout(PATIENCE, self.handle.next()).await;
        next.expect("an update comes in time").expect("the source runs")
    }

    /// Waits until the status is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&WhitelistStatus) -> bool) -> WhitelistStatus {
        let mut status = self.handle.status();
        let reached = tokio::time::timeout(PATIENCE, status.wait_for(is_so)).await;
        let reached = reached.unwrap_or_else(|_| panic!("{:?}", *self.handle.status().borrow()));
        *reached.expect("the source runs")
    }

    /// A source that obeys its shutdown at once, whatever it is doing.
    pub(crate) async fn stop(self) {
        self.shutdown.trigger(ShutdownReason::Done);
        tokio::time::timeout(PATIENCE, self.task).await.expect("it stops in time").unwrap();
    }
}
