//! The one writer of a database: takes judged messages in order, writes them in groups,
//! and hands on what is committed.
//!
//! Whatever arrives while one group syncs forms the next. A group also waits for messages
//! that are being judged at this moment, because they will be here before a sync could
//! end; never for longer than a fraction of a sync. The sequencer is a thread of its own
//! because a commit blocks on the disk. No guest code and no network runs while its
//! transaction is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};

use super::appender::{Appender, Verdict};
use super::publish::hand_on;
use super::submission::Submission;
use crate::clock::now_micros;
use crate::deliver::{Delivery, HubMessage, Reply, Step};
use crate::rejection::{Rejection, code};

/// What part of the last commit's time a group may wait for messages being judged.
const PATIENCE: u32 = 2;

/// The longest such wait: a guest may judge for much longer than others should wait.
const LONGEST_WAIT: Duration = Duration::from_micros(250);

/// Where judged messages go.
#[derive(Clone)]
pub struct SequencerHandle {
    queue: Sender<Work>,
    judging: Arc<AtomicUsize>,
}

/// A message is being judged, until this is dropped.
pub struct Judging<'a>(&'a AtomicUsize);

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "all but one of them are the large one"
)]
enum Work {
    Write(Submission),
    /// Write what was queued before, then end.
    Stop,
}

impl SequencerHandle {
    /// Announces a message, so that a group may wait for it.
    pub fn announce(&self) -> Judging<'_> {
        self.judging.fetch_add(1, Ordering::Relaxed);
        Judging(&self.judging)
    }

    /// Queues a submission. The queue itself is unbounded; what bounds it is each
    /// endpoint's admission and each lane's limit, which are taken before.
    pub fn submit(&self, submission: Submission) {
        if let Err(mpsc::SendError(Work::Write(submission))) =
            self.queue.send(Work::Write(submission))
        {
            let stopping = Rejection::new(code::UNAVAILABLE, "the server is stopping; reconnect");
            let reply = Reply::error(&submission.source, stopping);
            let step = Step::Reply {
                connection: submission.source.connection,
                reply,
            };
            submission.own.log.hub.send(HubMessage::Deliver(Delivery {
                steps: vec![step],
                admitted: submission.weight() as usize,
            }));
            submission.lane.settle();
        }
    }

    /// Ends the sequencer once everything queued so far is written.
    pub fn stop(&self) {
        // It may have ended already, when all other handles are gone.
        let _ = self.queue.send(Work::Stop);
    }
}

/// A running sequencer.
pub struct Sequencer {
    appender: Box<dyn Appender>,
    queue: Receiver<Work>,
    judging: Arc<AtomicUsize>,
    group_limit: usize,
    /// What the last commit took.
    commit_time: Duration,
}

impl Sequencer {
    /// Starts the thread. `group_limit` is the most messages in one commit.
    pub fn start(
        name: &str,
        appender: Box<dyn Appender>,
        group_limit: usize,
    ) -> std::io::Result<(SequencerHandle, JoinHandle<()>)> {
        let (sender, queue) = mpsc::channel();
        let judging = Arc::new(AtomicUsize::new(0));
        let handle = SequencerHandle {
            queue: sender,
            judging: judging.clone(),
        };
        let sequencer = Self {
            appender,
            queue,
            judging,
            group_limit,
            commit_time: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name(format!("sequencer-{name}"))
            .spawn(move || sequencer.run())?;
        Ok((handle, thread))
    }

    fn run(mut self) {
        let mut group = Vec::new();
        while let Ok(Work::Write(first)) = self.queue.recv() {
            group.push(first);
            let stop = self.gather(&mut group);
            self.commit(&mut group);
            if stop {
                break;
            }
        }
        self.appender.close();
    }

    /// Adds what is queued, and what will be in a moment. True when it is time to stop.
    fn gather(&self, group: &mut Vec<Submission>) -> bool {
        let patience = (self.commit_time / PATIENCE).min(LONGEST_WAIT);
        let mut until = None;
        while group.len() < self.group_limit {
            match self.queue.try_recv() {
                Ok(Work::Write(submission)) => {
                    group.push(submission);
                    continue;
                }
                Ok(Work::Stop) => return true,
                Err(_) if self.judging.load(Ordering::Relaxed) == 0 => break,
                Err(_) => {}
            }
            let until = *until.get_or_insert_with(|| Instant::now() + patience);
            match self
                .queue
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(Work::Write(submission)) => group.push(submission),
                Ok(Work::Stop) => return true,
                Err(_) => break,
            }
        }
        false
    }

    fn commit(&mut self, group: &mut Vec<Submission>) {
        let started = Instant::now();
        let time = now_micros();
        let verdicts = match self.appender.append(group, time) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                tracing::error!(%error, messages = group.len(), "a group was not written");
                counter!("hookcast_groups_failed_total").increment(1);
                let refusal = Rejection::new(
                    code::UNAVAILABLE,
                    "the server can't store messages right now; try again later",
                );
                group
                    .iter()
                    .map(|_| Verdict::Refused(refusal.clone()))
                    .collect()
            }
        };
        self.commit_time = started.elapsed();
        histogram!("hookcast_commit_seconds").record(self.commit_time);
        histogram!("hookcast_commit_messages").record(group.len() as f64);
        hand_on(group.drain(..).zip(verdicts), time);
    }
}
