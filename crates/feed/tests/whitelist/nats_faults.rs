//! Servers that go away, chunks that never come, consumers that do not read.

use crate::support::{Running, document, ids, list, options, url};
use async_nats::Client;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::watch;
use weir_feed::{WhitelistApplied, WhitelistOptions, WhitelistServer, WhitelistTracker};
use weir_runtime::{Shutdown, ShutdownReason};
use weir_testkit::NatsServer;

async fn publish(client: &Client, token: &str, message: Vec<u8>) {
    let subject = format!("whitelist.pools.ethereum.{token}");
    client.publish(subject, message.into()).await.unwrap();
    client.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_that_changed_while_the_server_was_away_is_asked_for() {
    let Some(mut server) = NatsServer::start() else { return };
    let (replace, list) = watch::channel(Arc::new(document(1, 0..3)));
    let shutdown = Shutdown::new();
    let service = WhitelistServer::new(options(url(&server, "ethereum")), list);
    let service = tokio::spawn(service.run(shutdown.clone()));
    let mut source = Running::start(options(url(&server, "ethereum")));
    let mut tracker = WhitelistTracker::new();
    tracker.push(source.next().await);
    for round in 1..4u64 {
        server.stop();
        source.until(|status| !status.connected).await;
        replace.send(Arc::new(document(1 + round, round..round + 3))).unwrap();
        server.restart();
        source.until(|status| status.connected && status.reconnects >= round).await;
        while tracker.version().unwrap().snapshot_id < 1 + round {
            tracker.push(source.next().await);
        }
        assert_eq!(tracker.ids().collect::<Vec<_>>(), ids(round..round + 3));
        // Nothing was removed and added needlessly.
        let change = tracker.drain(round);
        assert!(round == 1 || (change.removed.len(), change.added.len()) == (1, 1));
    }
    shutdown.trigger(ShutdownReason::Done);
    service.await.unwrap().unwrap();
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_may_start_before_its_server_and_stop_without_it() {
    let Some(mut server) = NatsServer::start() else { return };
    server.stop();
    let mut source = Running::start(options(url(&server, "ethereum")));
    let never = Running::start(options(url(&server, "ethereum")));
    never.stop().await;
    // Acknowledgements wait for the server as far as there is room.
    let applied = WhitelistApplied::of(1, &WhitelistTracker::new().drain(9), 9, 0);
    let room = (0..1_000).filter(|_| source.handle.acknowledge(applied.clone())).count();
    assert_eq!(room, WhitelistOptions::new(url(&server, "ethereum"), 1).applied_max);
    server.restart();
    source.until(|status| status.connected).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    publish(&client, "full", list(1, 0..2)).await;
    assert_eq!(source.next().await.pools.len(), 2);
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_out_of_order_are_put_together_and_a_missing_one_is_made_up_for() {
    let Some(server) = NatsServer::start() else { return };
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut requests = client.subscribe("whitelist.snapshot.request.ethereum").await.unwrap();
    client.flush().await.unwrap();
    let mut source = Running::start(options(url(&server, "ethereum")));
    requests.next().await.unwrap();
    source.until(|status| status.connected).await;
    let messages = document(1, 0..100).messages(4_000).unwrap();
    for message in messages.iter().rev() {
        publish(&client, "full", message.clone()).await;
    }
    assert_eq!(source.next().await.pools.len(), 100);
    source.until(|status| !status.awaits_full).await;
    // All but one of the next list: it expires, and the list is asked for.
    let messages = document(2, 50..200).messages(4_000).unwrap();
    for message in &messages[1..] {
        publish(&client, "full", message.clone()).await;
    }
    let status = source.until(|status| status.incomplete == 1).await;
    assert!(status.awaits_full);
    // Requests from before the first list may still be in the queue; any of them can be answered.
    let reply = requests.next().await.unwrap().reply.unwrap();
    for message in messages {
        client.publish(reply.clone(), message.into()).await.unwrap();
    }
    let update = source.next().await;
    assert_eq!((update.snapshot_id(), update.pools.len()), (Some(2), 150));
    source.until(|status| !status.awaits_full).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradicting_chunks_are_refused_and_the_list_is_asked_for() {
    let Some(server) = NatsServer::start() else { return };
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut requests = client.subscribe("whitelist.snapshot.request.ethereum").await.unwrap();
    client.flush().await.unwrap();
    let mut source = Running::start(options(url(&server, "ethereum")));
    // The request follows the subscription on its connection, so what is published now is not missed.
    requests.next().await.unwrap();
    source.until(|status| status.connected).await;
    publish(&client, "full", list(1, 0..2)).await;
    source.next().await;
    let before = source.until(|status| !status.awaits_full).await;
    let messages = document(2, 0..100).messages(4_000).unwrap();
    publish(&client, "full", messages[0].clone()).await;
    let other = document(2, 200..300).messages(4_000).unwrap();
    publish(&client, "full", other[1].clone()).await;
    let status = source.until(|status| status.refused == 1).await;
    assert_eq!(status.refused, 1);
    source.until(|status| status.awaits_full && status.requests > before.requests).await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_does_not_read_gets_the_list_again() {
    let Some(server) = NatsServer::start() else { return };
    let (_replace, list_of_service) = watch::channel(Arc::new(document(10_000, 0..50)));
    let tight = WhitelistOptions {
        updates_max: 1,
        subscription_messages: 2,
        ..options(url(&server, "ethereum"))
    };
    let mut source = Running::start(tight);
    source.until(|status| status.connected).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    publish(&client, "full", list(1, 0..2)).await;
    // Nobody reads: one update fits the channel, one is in hand, two wait; the others are dropped by the client.
    for id in 2..200 {
        publish(&client, "add", list(id, [id])).await;
    }
    // The service that answers requests comes now; what the source asks for it can only learn by reading on.
    let shutdown = Shutdown::new();
    let service = WhitelistServer::new(options(url(&server, "1")), list_of_service);
    let service = tokio::spawn(service.run(shutdown.clone()));
    let mut tracker = WhitelistTracker::new();
    while tracker.version().is_none_or(|version| version.snapshot_id < 10_000) {
        tracker.push(source.next().await);
    }
    assert_eq!(tracker.ids().collect::<Vec<_>>(), ids(0..50));
    // Updates are read as they come, so that repetitions of the list do not fill the channel again.
    let status = source.handle.status();
    while { *status.borrow() }.slow_consumer == 0 {
        tracker.push(source.next().await);
    }
    let requests = { *status.borrow() }.requests;
    assert!(requests >= 2, "asked at start and after the loss: {requests}");
    shutdown.trigger(ShutdownReason::Done);
    service.await.unwrap().unwrap();
    source.stop().await;
}
