//! Writing groups of messages to a server, on the sequencer's thread.
//!
//! The connection belongs to a runtime of that thread: nothing else runs there, and what the
//! thread waits for is the server.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Runtime};

use super::Server;
use super::writer::Writer;
use crate::log::Submission;
use crate::log::appender::{Appender, Unavailable, Verdict};

pub struct ServerAppender {
    runtime: Runtime,
    writer: Writer,
}

impl ServerAppender {
    /// Connects and takes the lock.
    ///
    /// # Errors
    /// Another hookcast has it; the server can't be reached.
    pub async fn open(server: &Server) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let writer = Writer::new(server.address.clone(), Arc::clone(&server.stopping));
        let mut appender = Self { runtime, writer };
        // The connection belongs to the runtime of the thread that writes.
        let opened = tokio::task::spawn_blocking(move || {
            let registered = appender.runtime.block_on(appender.writer.register());
            registered.map(|()| appender)
        });
        opened
            .await
            .context("the writer could not be started")?
            .with_context(|| server.shown.clone())
    }
}

impl Appender for ServerAppender {
    fn append(&mut self, group: &[Submission], time: i64) -> Result<Vec<Verdict>, Unavailable> {
        self.writer.usable()?;
        if !group.iter().any(Submission::writes) {
            return Ok(group
                .iter()
                .map(|one| Verdict::Written {
                    first: one.own.log.ring.head(),
                })
                .collect());
        }
        self.runtime.block_on(self.writer.write(group, time))
    }

    fn close(&mut self) {
        self.runtime.block_on(self.writer.close());
    }
}
