//! Reading and publishing through a real server.

use crate::support::{CHAIN, PATIENCE, Running, document, ids, list, options, removal, url};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use weir_feed::{
    AcknowledgementWait, PublishError, PublishOptions, WhitelistApplied, WhitelistKind,
    WhitelistServer, WhitelistTracker, publish_whitelist,
};
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::NatsServer;

fn publication(server: &NatsServer, kind: WhitelistKind, snapshot_id: u64) -> PublishOptions {
    let snapshot_id = Some(snapshot_id);
    PublishOptions { kind, snapshot_id, ..PublishOptions::new(url(server, "ethereum"), CHAIN) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_published_extended_and_reduced() {
    let Some(server) = NatsServer::start() else { return };
    let mut source = Running::start(options(url(&server, "ethereum")));
    source.until(|status| status.connected).await;
    let mut tracker = WhitelistTracker::new();
    let steps = [
        (WhitelistKind::Full, list(0, 0..3)),
        (WhitelistKind::Add, list(0, 3..5)),
        (WhitelistKind::Remove, removal(0, [0, 4])),
    ];
    for (snapshot_id, (kind, json)) in (10..).zip(steps) {
        let options = publication(&server, kind, snapshot_id);
        let published = publish_whitelist(&options, &json).await.unwrap();
        assert_eq!((published.kind, published.chunks), (kind, 1));
        let update = source.next().await;
        assert_eq!((update.kind, update.snapshot_id()), (kind, Some(snapshot_id)));
        assert_eq!(update.len(), published.pools);
        tracker.push(update);
    }
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids([1, 2, 3]));
    let status = source.until(|status| status.messages == 3).await;
    assert_eq!((status.last_full_snapshot_id(), status.awaits_full), (Some(10), false));
    assert!(status.age(std::time::Instant::now()).unwrap() < PATIENCE);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_divided_list_arrives_whole_under_the_servers_limit() {
    let Some(server) = NatsServer::start_with("max_payload: 65536") else { return };
    let mut source = Running::start(options(url(&server, "ethereum")));
    source.until(|status| status.connected).await;
    let options = publication(&server, WhitelistKind::Full, 5);
    let published = publish_whitelist(&options, &list(0, 0..2_000)).await.unwrap();
    assert!(published.chunks > 5, "{published:?}");
    let update = source.next().await;
    assert_eq!(update.pools.len(), 2_000);
    assert_eq!(update.pools.iter().map(|pool| pool.id()).collect::<Vec<_>>(), ids(0..2_000));
    let status = source.until(|status| !status.awaits_full).await;
    assert_eq!((status.incomplete, status.refused), (0, 0));
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_waits_until_its_list_is_applied() {
    let Some(server) = NatsServer::start() else { return };
    let mut source = Running::start(options(url(&server, "ethereum")));
    source.until(|status| status.connected).await;
    let wait =
        |seconds| Some(AcknowledgementWait { count: 1, timeout: Duration::from_secs(seconds) });
    let options = publication(&server, WhitelistKind::Full, 7);
    let patient = PublishOptions { wait: wait(60), ..options.clone() };
    let publisher = tokio::spawn(async move { publish_whitelist(&patient, &list(0, 0..3)).await });
    let mut tracker = WhitelistTracker::new();
    tracker.push(source.next().await);
    let applied = WhitelistApplied::of(CHAIN, &tracker.drain(33), 33, 2);
    assert!(source.handle.acknowledge(applied.clone()));
    let published = publisher.await.unwrap().unwrap();
    assert_eq!(published.applied, [applied]);
    // Nobody answers the next one.
    let hasty = PublishOptions { snapshot_id: Some(8), wait: wait(0), ..options };
    let error = publish_whitelist(&hasty, &list(0, 0..3)).await.unwrap_err();
    let none = matches!(error, PublishError::NotAcknowledged { received: 0, wanted: 1, .. });
    assert!(none, "{error}");
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_comes_late_asks_for_the_list() {
    let Some(server) = NatsServer::start_with("max_payload: 65536") else { return };
    let (replace, list) = watch::channel(Arc::new(document(50, 0..1_000)));
    let shutdown = Shutdown::new();
    let service = WhitelistServer::new(options(url(&server, "1")), list);
    let service = tokio::spawn(service.run(shutdown.clone()));
    // One knows the chain by its name, the other by its number.
    let mut early = Running::start(options(url(&server, "ethereum")));
    let mut late = Running::start(options(url(&server, "1")));
    for source in [&mut early, &mut late] {
        let update = source.next().await;
        assert_eq!((update.kind, update.pools.len()), (WhitelistKind::Full, 1_000));
        source.until(|status| !status.awaits_full).await;
    }
    replace.send(Arc::new(document(51, 10..20))).unwrap();
    for source in [&mut early, &mut late] {
        let newest = loop {
            let update = source.next().await;
            if update.snapshot_id() == Some(51) {
                break update;
            }
        };
        assert_eq!(newest.pools.len(), 10);
    }
    shutdown.trigger(ShutdownReason::Done);
    service.await.unwrap().unwrap();
    early.stop().await;
    late.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_waits_for_a_list_with_a_pool() {
    let Some(server) = NatsServer::start() else { return };
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut requests = client.subscribe("whitelist.snapshot.request.ethereum").await.unwrap();
    let mut reseeds = client.subscribe("whitelist.reseed").await.unwrap();
    client.flush().await.unwrap();
    let mut source = Running::start(options(url(&server, "ethereum")));
    let mut tracker = WhitelistTracker::new();
    // Both ways of asking are used. The first answer lists nothing, so the source asks again.
    let first = requests.next().await.unwrap();
    assert!(reseeds.next().await.unwrap().payload.is_empty());
    client.publish(first.reply.unwrap(), list(1, []).into()).await.unwrap();
    tracker.push(source.next().await);
    assert!(!tracker.is_ready() && source.handle.status().borrow().awaits_full);
    let second = requests.next().await.unwrap();
    client.publish(second.reply.unwrap(), list(2, 0..2).into()).await.unwrap();
    tracker.push(source.next().await);
    assert!(tracker.is_ready());
    source.until(|status| !status.awaits_full).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_generation_is_read_under_its_subject() {
    let Some(server) = NatsServer::start() else { return };
    let mut source = Running::start(options(url(&server, "ethereum")));
    source.until(|status| status.connected).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let messages: [(&str, &[u8]); 6] = [
        ("full", include_bytes!("golden/rich-full.json")),
        ("remove", include_bytes!("golden/rich-remove.json")),
        ("minimal", include_bytes!("golden/minimal-add.json")),
        ("minimal", include_bytes!("golden/minimal-remove.json")),
        ("full", include_bytes!("golden/python-nested.json")),
        ("full", include_bytes!("golden/python-remove.json")),
    ];
    // Not a whitelist, of another chain, under a subject of some later version: refused or passed over, never fatal.
    client.publish("whitelist.pools.ethereum.full", "{".into()).await.unwrap();
    let other = br#"{"chain":"base","pools":[]}"#;
    client.publish("whitelist.pools.ethereum.full", other.as_slice().into()).await.unwrap();
    client.publish("whitelist.pools.ethereum.future", "{}".into()).await.unwrap();
    for (token, message) in messages {
        let subject = format!("whitelist.pools.ethereum.{token}");
        client.publish(subject, message.into()).await.unwrap();
    }
    let mut read = Vec::new();
    for _ in messages {
        let update = source.next().await;
        read.push((update.kind.name(), update.len(), update.rejected.len()));
    }
    let expected = [
        ("full", 3, 2),
        ("remove", 2, 2),
        ("add", 3, 1),
        ("remove", 1, 0),
        ("add", 2, 1),
        ("remove", 1, 0),
    ];
    assert_eq!(read, expected);
    let status = *source.handle.status().borrow();
    assert_eq!((status.refused, status.rejected_rows), (2, 6));
    source.stop().await;
}
