//! The Prometheus endpoint on its own port.

use crate::Shutdown;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};

/// Scrapers served at once; the connection of one more is closed.
const CONNECTIONS_MAX: usize = 16;
/// Pause after a failed accept (out of file descriptors): retrying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A scraper that has not sent its request header by then is dropped.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Latency buckets in seconds, 50 us to 10 s, for every histogram whose name ends in `_seconds`.
const LATENCY_BUCKETS_SECONDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];
/// Count buckets, for every other histogram.
const COUNT_BUCKETS: [f64; 9] =
    [1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 50_000.0];

/// Why metrics could not be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsServerError {
    /// A recorder is installed already, or a bucket list is empty.
    #[error("metrics recorder cannot be installed: reason={0}")]
    Recorder(String),
    /// The address cannot be bound.
    #[error("metrics address cannot be bound: address={address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// Renders the recorded metrics.
pub type MetricsHandle = PrometheusHandle;

/// Installs the process-wide recorder and returns the handle that renders it.
pub fn install_metrics() -> Result<PrometheusHandle, MetricsServerError> {
    let recorder = |error: metrics_exporter_prometheus::BuildError| {
        MetricsServerError::Recorder(error.to_string())
    };
    PrometheusBuilder::new()
        .set_buckets(&COUNT_BUCKETS)
        .and_then(|builder| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            builder.set_buckets_for_metric(seconds, &LATENCY_BUCKETS_SECONDS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(recorder)
}

/// Serves `GET /metrics` in Prometheus' text form.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    address: SocketAddr,
    handle: PrometheusHandle,
}

impl MetricsServer {
    /// Binds `address` (port 0 picks a free one).
    pub async fn bind(
        address: SocketAddr,
        handle: PrometheusHandle,
    ) -> Result<Self, MetricsServerError> {
        let bind = |source| MetricsServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        Ok(Self { listener, address, handle })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown; a connection's failure ends that connection alone.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), MetricsServerError> {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut upkeep = tokio::time::interval(Duration::from_secs(5));
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                _ = upkeep.tick() => self.handle.run_upkeep(),
                accepted = self.listener.accept() => {
                    let Ok((stream, _)) = accepted else {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    };
                    let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
                    let handle = self.handle.clone();
                    tokio::spawn(async move {
                        let service = service_fn(move |request| answer(request, handle.clone()));
                        let connection = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(HEADER_READ_TIMEOUT)
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        if let Err(error) = connection {
                            tracing::debug!(%error, "metrics connection failed");
                        }
                        drop(permit);
                    });
                }
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    handle: PrometheusHandle,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => Response::new(Full::new(Bytes::from(handle.render()))),
        (_, "/metrics") => status(StatusCode::METHOD_NOT_ALLOWED),
        _ => status(StatusCode::NOT_FOUND),
    };
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    Ok(response)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(status.to_string())));
    *response.status_mut() = status;
    response
}
