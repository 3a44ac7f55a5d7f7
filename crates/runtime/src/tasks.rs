//! Named tasks with one owner.

use crate::{Shutdown, ShutdownReason};
use std::{fmt::Display, future::Future, time::Duration};
use tokio::task::JoinSet;

/// How the set ended.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A critical task ended although nobody asked it to.
    #[error("task {task} ended: {message}")]
    Ended {
        /// Name of the task.
        task: &'static str,
        /// Its error, or that it returned.
        message: String,
    },
    /// Tasks were still running when the deadline for stopping had passed; they were aborted.
    #[error("tasks did not stop in time: remaining={remaining}")]
    Deadline {
        /// Number of tasks that were aborted.
        remaining: usize,
    },
}

/// The tasks of a process. Each is named, and one that ends early stops the others.
#[derive(Debug)]
pub struct TaskSet {
    shutdown: Shutdown,
    tasks: JoinSet<(&'static str, Result<(), String>)>,
}

impl TaskSet {
    /// An empty set under `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, tasks: JoinSet::new() }
    }

    /// The handle that stops this set.
    pub const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Spawns a critical task: if it ends before a shutdown is asked for, the whole set stops with its name.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        self.tasks.spawn(async move { (name, task.await.map_err(|error| error.to_string())) });
    }

    /// Spawns a critical task on a thread of its own, for work that blocks.
    pub fn spawn_thread<F, E>(&mut self, name: &'static str, task: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
        E: Display + Send + 'static,
    {
        let (done, finished) = tokio::sync::oneshot::channel();
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // The receiver is gone only when the set itself is; there is nobody left to tell.
            let _ = done.send(task().map_err(|error| error.to_string()));
        });
        self.tasks.spawn(async move {
            if let Err(error) = spawned {
                return (name, Err(error.to_string()));
            }
            (name, finished.await.unwrap_or_else(|_| Err("panicked".to_owned())))
        });
    }

    /// Runs until a shutdown is triggered or a task ends, then waits up to `grace` for the rest.
    ///
    /// # Errors
    /// [`TaskError::Ended`] if a task ended by itself, [`TaskError::Deadline`] if some had to be aborted.
    pub async fn run(mut self, grace: Duration) -> Result<(), TaskError> {
        let mut failure = None;
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => {}
            Some(ended) = self.tasks.join_next() => {
                let (task, message) = describe(ended);
                self.shutdown.trigger(ShutdownReason::TaskEnded { task, message: message.clone() });
                failure = Some(TaskError::Ended { task, message });
            }
        }
        let drained = tokio::time::timeout(grace, async {
            while let Some(ended) = self.tasks.join_next().await {
                let failed = !matches!(ended, Ok((_, Ok(()))));
                let (task, message) = describe(ended);
                if failed {
                    tracing::error!(task, message, "task failed while stopping");
                    failure.get_or_insert(TaskError::Ended { task, message });
                }
            }
        })
        .await;
        if drained.is_err() {
            let remaining = self.tasks.len();
            self.tasks.abort_all();
            return Err(failure.unwrap_or(TaskError::Deadline { remaining }));
        }
        failure.map_or(Ok(()), Err)
    }
}

type Joined = Result<(&'static str, Result<(), String>), tokio::task::JoinError>;

fn describe(ended: Joined) -> (&'static str, String) {
    match ended {
        Ok((task, Ok(()))) => (task, "it returned".to_owned()),
        Ok((task, Err(message))) => (task, message),
        Err(error) => ("unknown", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_stops_the_set_with_its_name() {
        let shutdown = Shutdown::new();
        let mut tasks = TaskSet::new(shutdown.clone());
        let waiting = shutdown.clone();
        tasks.spawn("waits", async move {
            waiting.cancelled().await;
            Ok::<_, String>(())
        });
        tasks.spawn("fails", async { Err::<(), _>("disk full") });
        let error = tasks.run(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.to_string(), "task fails ended: disk full");
        let expected = ShutdownReason::TaskEnded { task: "fails", message: "disk full".to_owned() };
        assert_eq!(shutdown.reason(), Some(&expected));
    }

    #[tokio::test]
    async fn a_panicking_thread_is_an_error_with_its_name() {
        let mut tasks = TaskSet::new(Shutdown::new());
        tasks.spawn_thread("writer", || -> Result<(), String> { panic!("boom") });
        let error = tasks.run(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.to_string(), "task writer ended: panicked");
    }

    #[tokio::test]
    async fn a_shutdown_that_everyone_obeys_is_clean() {
        let shutdown = Shutdown::new();
        let mut tasks = TaskSet::new(shutdown.clone());
        let waiting = shutdown.clone();
        tasks.spawn("waits", async move {
            waiting.cancelled().await;
            Ok::<_, String>(())
        });
        shutdown.trigger(ShutdownReason::Done);
        tasks.run(Duration::from_secs(5)).await.unwrap();
    }
}
