//! The one writer of a database: takes judged messages in order, writes them in groups,
//! and hands on what is committed.
//!
//! Whatever arrives while one group syncs forms the next; there is no timer. The
//! sequencer is a thread of its own because a commit blocks on the disk. No guest code
//! and no network runs while its transaction is open.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Instant;

use metrics::{counter, histogram};

use super::appender::{Appender, Verdict};
use super::publish::hand_on;
use super::submission::Submission;
use crate::clock::now_micros;
use crate::deliver::{Delivery, HubMessage, Reply, Step};
use crate::rejection::{Rejection, code};

/// Where judged messages go.
#[derive(Clone)]
pub struct SequencerHandle(Sender<Work>);

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
    /// Queues a submission. The queue itself is unbounded; what bounds it is each
    /// endpoint's admission and each lane's limit, which are taken before.
    pub fn submit(&self, submission: Submission) {
        if let Err(mpsc::SendError(Work::Write(submission))) = self.0.send(Work::Write(submission))
        {
            let stopping = Rejection::new(code::UNAVAILABLE, "the server is stopping; reconnect");
            let reply = Reply::error(&submission.source, stopping);
            let step = Step::Reply {
                connection: submission.source.connection,
                reply,
            };
            submission.log.hub.send(HubMessage::Deliver(Delivery {
                steps: vec![step],
                admitted: submission.weight() as usize,
            }));
            submission.lane.settle();
        }
    }

    /// Ends the sequencer once everything queued so far is written.
    pub fn stop(&self) {
        // It may have ended already, when all other handles are gone.
        let _ = self.0.send(Work::Stop);
    }
}

/// A running sequencer.
pub struct Sequencer {
    appender: Box<dyn Appender>,
    queue: Receiver<Work>,
    group_limit: usize,
}

impl Sequencer {
    /// Starts the thread. `group_limit` is the most messages in one commit.
    pub fn start(
        name: &str,
        appender: Box<dyn Appender>,
        group_limit: usize,
    ) -> std::io::Result<(SequencerHandle, JoinHandle<()>)> {
        let (sender, queue) = mpsc::channel();
        let sequencer = Self {
            appender,
            queue,
            group_limit,
        };
        let thread = std::thread::Builder::new()
            .name(format!("sequencer-{name}"))
            .spawn(move || sequencer.run())?;
        Ok((SequencerHandle(sender), thread))
    }

    fn run(mut self) {
        let mut group = Vec::new();
        let mut stopping = false;
        while !stopping && let Ok(first) = self.queue.recv() {
            let mut next = Some(first);
            while let Some(work) = next {
                match work {
                    Work::Write(submission) => group.push(submission),
                    Work::Stop => {
                        stopping = true;
                        break;
                    }
                }
                next = if group.len() < self.group_limit {
                    self.queue.try_recv().ok()
                } else {
                    None
                };
            }
            if !group.is_empty() {
                self.commit(&mut group);
            }
        }
        self.appender.close();
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
        histogram!("hookcast_commit_seconds").record(started.elapsed());
        histogram!("hookcast_commit_messages").record(group.len() as f64);
        hand_on(group.drain(..).zip(verdicts), time);
    }
}
