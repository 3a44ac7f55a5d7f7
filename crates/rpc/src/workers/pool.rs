//! A fixed number of threads behind a fair queue.

use super::queue::FairQueue;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use parking_lot::{Condvar, Mutex};
use std::{
    io,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};
use tokio::{runtime::Handle, sync::oneshot};

const WAITING: &str = "weir_rpc_workers_waiting";
const REFUSED: &str = "weir_rpc_workers_refused_total";

/// Settings of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerOptions {
    /// What it works on, in the plural: name of its threads and label of its metrics.
    pub(crate) name: &'static str,
    /// Threads.
    pub(crate) threads: usize,
    /// Work that may wait for one.
    pub(crate) waiting_max: usize,
    /// How much its threads step back for others, 0 to 19 (`nice`).
    pub(crate) niceness: i32,
}

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkError {
    /// Too much is waiting.
    Busy,
    /// It panicked, or the pool is gone.
    Ended,
}

/// What a thread does with a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Work,
    /// Another client's work needed the place.
    Refuse,
}

type Job = Box<dyn FnOnce(Turn) + Send>;

struct Waiting {
    jobs: FairQueue<IpAddr, Job>,
    is_closed: bool,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    gauge: Gauge,
    refused: Counter,
}

/// The threads; they end when it is dropped.
pub(crate) struct WorkerPool {
    shared: Arc<Shared>,
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.waiting.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl WorkerPool {
    /// Starts the threads, which enter the async runtime that this is called on.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(options: WorkerOptions) -> io::Result<Self> {
        describe_gauge!(WAITING, "Reads that wait for a thread, by pool");
        describe_counter!(REFUSED, "Reads refused because too many were waiting, by pool");
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                jobs: FairQueue::new(options.waiting_max.max(1)),
                is_closed: false,
            }),
            changed: Condvar::new(),
            gauge: gauge!(WAITING, "pool" => options.name),
            refused: counter!(REFUSED, "pool" => options.name),
        });
        let pool = Self { shared };
        for number in 0..options.threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            let runtime = Handle::current();
            thread::Builder::new().name(format!("rpc-{}-{number}", options.name)).spawn(
                move || {
                    let _entered = runtime.enter();
                    step_back(options.niceness);
                    shared.work();
                },
            )?;
        }
        Ok(pool)
    }

    /// Does `work` on a thread of the pool when it is the client's turn. Work whose future was dropped before is not done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        client: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move |turn| {
            if done.is_closed() {
                return;
            }
            let outcome = match turn {
                Turn::Work => Ok(work()),
                Turn::Refuse => Err(WorkError::Busy),
            };
            // A caller that hung up meanwhile wants no answer.
            let _ = done.send(outcome);
        });
        self.shared.put(client, job)?;
        outcome.await.unwrap_or(Err(WorkError::Ended))
    }
}

impl Shared {
    fn put(&self, client: IpAddr, job: Job) -> Result<(), WorkError> {
        let mut waiting = self.waiting.lock();
        let put = waiting.jobs.push(client, job);
        self.note(&waiting);
        drop(waiting);
        match put {
            Ok(None) => {}
            Ok(Some(evicted)) => {
                self.refused.increment(1);
                evicted(Turn::Refuse);
            }
            Err(_) => {
                self.refused.increment(1);
                return Err(WorkError::Busy);
            }
        }
        self.changed.notify_one();
        Ok(())
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.is_closed {
                return None;
            }
            if let Some(job) = waiting.jobs.pop() {
                self.note(&waiting);
                return Some(job);
            }
            self.changed.wait(&mut waiting);
        }
    }

    fn note(&self, waiting: &Waiting) {
        self.gauge.set(u32::try_from(waiting.jobs.len()).unwrap_or(u32::MAX));
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // The panic is reported by the hook; the caller learns of it by the dropped channel.
            let _ = catch_unwind(AssertUnwindSafe(|| job(Turn::Work)));
        }
    }
}

/// Gives way to other threads of the process. Without the right to, the thread works on as it is.
fn step_back(niceness: i32) {
    // On Linux a priority belongs to a thread.
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), niceness) {
        tracing::debug!(%error, "priority of a thread cannot be lowered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::Ipv4Addr, sync::mpsc};

    const OPTIONS: WorkerOptions =
        WorkerOptions { name: "tests", threads: 1, waiting_max: 2, niceness: 10 };

    fn client(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[tokio::test]
    async fn work_steps_back_and_a_panic_ends_nothing_else() {
        let pool = WorkerPool::start(OPTIONS).unwrap();
        let ended = pool.run(client(1), || panic!("on purpose")).await;
        assert_eq!(ended, Err::<(), _>(WorkError::Ended));
        let niceness = pool
            .run(client(1), || {
                rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
            })
            .await;
        assert_eq!(niceness, Ok(OPTIONS.niceness));
    }

    #[tokio::test]
    async fn the_busiest_client_makes_room() {
        let pool = WorkerPool::start(OPTIONS).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let first = pool.run(client(1), move || {
            begin.send(()).unwrap();
            held.recv().is_err()
        });
        let checks = async {
            begun.await.unwrap();
            let mut one = Box::pin(pool.run(client(1), || 1));
            let mut two = Box::pin(pool.run(client(1), || 2));
            assert!(futures_util::poll!(&mut one).is_pending());
            assert!(futures_util::poll!(&mut two).is_pending());
            assert_eq!(pool.run(client(1), || 3).await, Err(WorkError::Busy));
            let mut other = Box::pin(pool.run(client(2), || 4));
            assert!(futures_util::poll!(&mut other).is_pending());
            assert_eq!(two.await, Err(WorkError::Busy));
            drop(release);
            assert_eq!((one.await, other.await), (Ok(1), Ok(4)));
        };
        let (first, ()) = tokio::join!(first, checks);
        assert_eq!(first, Ok(true));
    }
}
