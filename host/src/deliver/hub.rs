//! The fan-out task.

use std::sync::Arc;

use bytes::Bytes;
use metrics::{counter, histogram};
use tokio::sync::{Semaphore, mpsc};

use crate::close_code;
use crate::effects::GroupChange;
use crate::id::ConnectionId;
use crate::log::EndpointLog;
use crate::log::{Audience, Event};

use super::batch::{Batch, Personal};
use super::class::{ClassKey, Encoder, Shape};
use super::groups::Groups;
use super::roster::Roster;
use super::socket::{Offered, Slice};
use super::{HubMessage, Reply, Step};

/// Writes between two breaks for other tasks: about a quarter of a millisecond.
const WRITES_PER_TURN: usize = 64;

pub struct Hub {
    pub(super) log: Arc<EndpointLog>,
    pub(super) encoder: Arc<Encoder>,
    pub(super) groups: Arc<Groups>,
    admission: Arc<Semaphore>,
    pub(super) roster: Roster,
    /// Events up to here have been written out.
    pub(super) delivered: u64,
    batch: Batch,
}

impl Hub {
    pub fn new(
        log: Arc<EndpointLog>,
        encoder: Arc<Encoder>,
        groups: Arc<Groups>,
        admission: Arc<Semaphore>,
    ) -> Self {
        Self {
            delivered: log.ring.head(),
            roster: Roster::new(log.name.clone()),
            log,
            encoder,
            groups,
            admission,
            batch: Batch::default(),
        }
    }

    /// Runs until every sender is gone.
    pub async fn run(mut self, mut queue: mpsc::UnboundedReceiver<HubMessage>) {
        while let Some(message) = queue.recv().await {
            self.handle(message).await;
            while !self.batch.is_full()
                && let Ok(message) = queue.try_recv()
            {
                self.handle(message).await;
            }
            self.flush().await;
        }
    }

    async fn handle(&mut self, message: HubMessage) {
        match message {
            HubMessage::Deliver(delivery) => {
                self.admit_early(&delivery.steps).await;
                self.batch.admitted += delivery.admitted;
                delivery.steps.into_iter().for_each(|step| self.take(step));
            }
            HubMessage::Enter {
                connection,
                outbox,
                user,
            } => self.roster.enter(connection, outbox, user),
            HubMessage::Subscribe {
                connection,
                key,
                next,
                answer,
            } => {
                self.flush().await;
                let subscribed = self.subscribe(connection, key, next);
                // The connection may have ended meanwhile.
                let _ = answer.send(subscribed);
            }
            HubMessage::Identify { connection, user } => self.roster.identify(connection, user),
            HubMessage::Unsubscribe { connection, answer } => {
                self.flush().await;
                self.roster.unsubscribe(connection);
                let _ = answer.send(self.delivered);
            }
            HubMessage::Exit { connection } => {
                self.roster.exit(connection);
                self.groups.exit(connection);
            }
        }
    }

    /// Sorts one step into the batch.
    fn take(&mut self, step: Step) {
        match step {
            Step::Event(event) => self.select(event),
            Step::Reply { connection, reply } => self.reply(connection, reply),
            Step::Push { connection, json } => {
                let connected = self.roster.connections.get(&connection);
                if let Some(connected) = connected.filter(|one| one.outbox.takes_sends()) {
                    self.batch.text(connection, connected.outbox.wire(), &json);
                }
            }
            Step::Group(change) => self.regroup(&change),
            Step::Close {
                connection,
                code,
                reason,
            } => {
                self.batch.closes.push((connection, code, reason));
            }
        }
    }

    /// An answer of the host, for a connection that is still there.
    fn reply(&mut self, connection: ConnectionId, reply: Reply) {
        let Some(connected) = self.roster.connections.get(&connection) else {
            return;
        };
        if connected.outbox.keeps_replies() {
            // With the batch: what plugins have sent it comes before.
            let personal = self.batch.personal.entry(connection).or_default();
            personal.reply = Some(Box::new(reply));
        } else {
            let text = self.encoder.dialect.notice(reply.notice());
            self.batch.text(connection, connected.outbox.wire(), &text);
        }
    }

    /// A connection joins or leaves a group, in its place between the events.
    fn regroup(&mut self, change: &GroupChange) {
        // One that is gone must not stay behind in a group.
        let connection = change.connection();
        let Some(connected) = self.roster.connections.get(&connection) else {
            return;
        };
        let newest = self.batch.events.last();
        let offset = newest.map_or(self.delivered, |event| event.offset);
        if self.groups.apply(change, offset) {
            return;
        }
        if connected.live.is_some() && !connected.outbox.is_waiting() {
            self.groups.caught_up(connection, self.delivered);
        } else {
            // It could no longer be told which events of the past are its own.
            let code = close_code::SLOW_CONSUMER;
            connected.outbox.close(code.code, code.reason);
        }
    }

    /// Finds who sees an event.
    fn select(&mut self, event: Arc<Event>) {
        let at = self.batch.events.len() as u32;
        let (personal, touched) = (&mut self.batch.personal, &mut self.batch.touched);
        match &event.audience {
            Audience::All => {
                let classes = &mut self.roster.classes;
                self.roster.index.candidates(&event, |id| {
                    let Some(class) = classes.get_mut(&id) else {
                        return;
                    };
                    if class.selected.last().is_some_and(|(last, _)| *last == at) {
                        return;
                    }
                    if let Some(shape) = class.key.shape(&event) {
                        if class.selected.is_empty() {
                            touched.push(id);
                        }
                        class.selected.push((at, shape));
                    }
                });
                if let (true, Some(origin)) = (event.exclude_origin, event.origin) {
                    personal.entry(origin).or_default().skip.push(at);
                }
            }
            Audience::Group(group) => self.groups.each_member(group, |member| {
                if !(event.exclude_origin && event.origin == Some(member)) {
                    personal.entry(member).or_default().add.push(at);
                }
            }),
            Audience::User(user) => {
                for connection in self.roster.users.get(user).into_iter().flatten() {
                    personal.entry(*connection).or_default().add.push(at);
                }
            }
        }
        self.batch.bytes += event.sent.len();
        self.batch.events.push(event);
    }

    /// Writes the batch out.
    pub(super) async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut writes = 0;
        let mut behind = Vec::new();
        for id in &batch.touched {
            let Some(class) = self.roster.classes.get(id) else {
                continue;
            };
            let slice = self.encode(&class.key, &batch.events, &class.selected);
            let frames = class.selected.len() as u64;
            for (connection, outbox) in &class.members {
                // Personal views are written below, in one piece with the class's.
                if batch.personal.contains_key(connection) {
                    continue;
                }
                if outbox.offer(None, Some(slice.clone())) == Offered::Behind {
                    behind.push(*connection);
                }
                writes += 1;
                if writes % WRITES_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            counter!("hookcast_deliveries_total").increment(frames * class.members.len() as u64);
        }
        for (connection, personal) in std::mem::take(&mut batch.personal) {
            if self.write_personal(connection, personal, &batch) == Offered::Behind {
                behind.push(connection);
            }
            writes += 1;
            if writes % WRITES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        histogram!("hookcast_fanout_events").record(batch.events.len() as f64);
        self.settle(batch, behind);
    }

    /// After the writes: forget the batch, free admission, end what is to be closed.
    fn settle(&mut self, batch: Batch, behind: Vec<ConnectionId>) {
        for id in &batch.touched {
            if let Some(class) = self.roster.classes.get_mut(id) {
                class.selected.clear();
            }
        }
        for connection in behind {
            self.roster.leave(connection);
        }
        if let Some(last) = batch.events.last() {
            self.delivered = last.offset;
            self.log.ring.delivered(last.offset);
        }
        self.admission.add_permits(batch.admitted);
        for (connection, code, reason) in batch.closes {
            if let Some(connected) = self.roster.connections.get(&connection) {
                connected.outbox.close(code, &reason);
            }
        }
    }

    /// One write for a connection whose view differs from its class's.
    fn write_personal(
        &self,
        connection: ConnectionId,
        personal: Personal,
        batch: &Batch,
    ) -> Offered {
        let Some(connected) = self.roster.connections.get(&connection) else {
            return Offered::Taken;
        };
        let frames = (!personal.frames.is_empty()).then(|| Bytes::from(personal.frames));
        let events = connected.live.and_then(|(class, _)| {
            let class = self.roster.classes.get(&class)?;
            let mut selected: Vec<_> = class
                .selected
                .iter()
                .filter(|(at, _)| !personal.skip.contains(at))
                .copied()
                .collect();
            selected.extend(personal.add.iter().map(|at| (*at, Shape::Whole)));
            selected.sort_unstable_by_key(|(at, _)| *at);
            (!selected.is_empty()).then(|| self.encode(&class.key, &batch.events, &selected))
        });
        let offered = connected.outbox.offer(frames, events);
        if let Some(reply) = personal.reply {
            connected.outbox.keep(*reply);
        }
        offered
    }

    fn encode(&self, key: &ClassKey, events: &[Arc<Event>], selected: &[(u32, Shape)]) -> Slice {
        let mut bytes = Vec::new();
        for (at, shape) in selected {
            self.encoder
                .event(key, &events[*at as usize], *shape, &mut bytes);
        }
        // A cursor starts at the batch: what is not selected it will skip again.
        Slice {
            bytes: bytes.into(),
            first: events.first().map_or(self.delivered, |e| e.offset),
        }
    }
}
