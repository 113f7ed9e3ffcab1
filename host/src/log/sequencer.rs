//! The one writer of a database: takes judged messages in order, writes them in groups,
//! and hands on what is committed.
//!
//! Whatever arrives while one group syncs forms the next; there is no timer. The
//! sequencer is a thread of its own because a commit blocks on the disk. No guest code
//! and no network runs while its transaction is open.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use metrics::{counter, histogram};

use crate::deliver::{Delivery, HubMessage, HubSender, Reply, Step};
use crate::rejection::{Rejection, code};

use super::event::Event;
use super::position::{Incarnation, Position};
use super::ring::Ring;
use super::submission::{Item, Submission};

/// How safe a commit is before anyone is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// In memory only; gone with the process.
    Ephemeral,
    /// Survives a crash of the process, not of the machine.
    Process,
    /// Synced to disk.
    Full,
}

/// The write side of one endpoint's log.
pub struct EndpointLog {
    /// Key in the database's list of endpoints; 0 for ephemeral logs.
    pub id: i64,
    pub name: Arc<str>,
    pub durability: Durability,
    /// This run of the server.
    pub incarnation: Incarnation,
    pub ring: Ring,
    pub hub: HubSender,
}

impl EndpointLog {
    pub fn position(&self, offset: u64) -> Position {
        Position {
            incarnation: self.incarnation,
            offset,
        }
    }
}

/// What became of one submission of a group.
pub enum Verdict {
    /// Committed; its events have this offset and the following ones.
    Written { first: u64 },
    /// Its `_msg_id` was committed before, at this position.
    Repeat { position: String },
    /// What it was judged on has changed: judge it anew.
    Conflict,
    /// It stands behind one that must be judged anew.
    Behind,
    /// It will never be written.
    Refused(Rejection),
}

/// Writes groups of submissions; one implementation for each kind of storage.
///
/// The contract: all submissions with `Verdict::Written` are in one transaction that is
/// as durable as the strictest member's endpoint asks when `append` returns. Offsets
/// continue each log's head without a gap, in the order of the group. When `append`
/// fails, nothing of the group is written.
pub trait Appender: Send {
    fn append(&mut self, group: &[Submission], time: i64) -> Result<Vec<Verdict>, Unavailable>;

    /// Called when the sequencer stops: bring the files in order.
    fn close(&mut self) {}
}

/// The storage can't take writes now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

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
                admitted: 1,
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

/// Publishes what was committed: to the ring first, so that cursors find it, then to
/// fan-out, endpoint by endpoint.
fn hand_on(settled: impl Iterator<Item = (Submission, Verdict)>, time: i64) {
    let mut outgoing: Vec<Outgoing> = Vec::new();
    for (submission, verdict) in settled {
        // A group rarely spans more than a few endpoints: a scan beats a map.
        let known = outgoing
            .iter()
            .position(|out| Arc::ptr_eq(&out.log, &submission.log));
        let at = known.unwrap_or_else(|| {
            outgoing.push(Outgoing::new(submission.log.clone()));
            outgoing.len() - 1
        });
        outgoing[at].settle(submission, verdict, time);
    }
    for out in outgoing {
        out.log.ring.push(&out.events);
        out.log.hub.send(HubMessage::Deliver(out.delivery));
    }
}

/// What one group means for one endpoint.
struct Outgoing {
    log: Arc<EndpointLog>,
    events: Vec<Arc<Event>>,
    delivery: Delivery,
}

impl Outgoing {
    fn new(log: Arc<EndpointLog>) -> Self {
        Self {
            log,
            events: Vec::new(),
            delivery: Delivery::default(),
        }
    }

    fn settle(&mut self, submission: Submission, verdict: Verdict, time: i64) {
        self.delivery.admitted += 1;
        let connection = submission.source.connection;
        let reply = |reply| Step::Reply { connection, reply };
        match verdict {
            Verdict::Written { first } => {
                if let Some(id) = &submission.source.message_id {
                    let position = self.log.position(first).to_string();
                    self.delivery.steps.push(reply(Reply::ack(id, position)));
                }
                submission.lane.settle();
                self.publish(submission, first, time);
            }
            Verdict::Repeat { position } => {
                if let Some(id) = &submission.source.message_id {
                    self.delivery.steps.push(reply(Reply::ack(id, position)));
                }
                submission.lane.settle();
            }
            Verdict::Refused(rejection) => {
                self.delivery
                    .steps
                    .push(reply(Reply::error(&submission.source, rejection)));
                submission.lane.settle();
            }
            Verdict::Conflict => {
                counter!("hookcast_conflicts_total").increment(1);
                let mut source = submission.source;
                source.attempts += 1;
                submission.lane.conflict(source);
            }
            Verdict::Behind => submission.lane.bounce(submission.source),
        }
    }

    fn publish(&mut self, submission: Submission, first: u64, time: i64) {
        let mut offset = first;
        for item in submission.items {
            match item {
                Item::Step(step) => self.delivery.steps.push(step),
                Item::Event(draft) => {
                    let event = Arc::new(Event {
                        offset,
                        time,
                        method: draft.method,
                        audience: draft.audience,
                        origin: Some(submission.source.connection),
                        origin_user: submission.source.user.clone(),
                        exclude_origin: draft.exclude_origin,
                        change: draft.change,
                        sent: draft.sent.into(),
                        judged_by: submission.judged_by.clone(),
                    });
                    offset += 1;
                    self.events.push(event.clone());
                    self.delivery.steps.push(Step::Event(event));
                }
            }
        }
    }
}

/// The wall clock: microseconds since 1970-01-01 UTC.
pub fn now_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_micros() as i64
}
