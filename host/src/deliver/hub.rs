//! The fan-out task.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use metrics::{counter, gauge, histogram};
use tokio::sync::{Semaphore, mpsc};

use crate::dialect::Notice;
use crate::id::ConnectionId;
use crate::log::ring::Read;
use crate::log::sequencer::EndpointLog;
use crate::log::{Audience, Event};

use super::batch::{BYTES, Batch, Personal};
use super::class::{Class, ClassKey, Encoder, Shape};
use super::groups::Groups;
use super::index::{ClassId, ClassIndex};
use super::socket::{Offered, Outbox, Slice};
use super::{HubMessage, Reply, Step, Subscribed};

/// Writes between two breaks for other tasks: about a quarter of a millisecond.
const WRITES_PER_TURN: usize = 64;

/// A subscriber this many events behind is brought up to date here; one further behind
/// reads the log itself.
const SMALL_GAP: u64 = 256;

pub struct Hub {
    endpoint: Arc<str>,
    log: Arc<EndpointLog>,
    encoder: Arc<Encoder>,
    groups: Arc<Groups>,
    admission: Arc<Semaphore>,
    connections: HashMap<ConnectionId, Connected>,
    users: HashMap<Arc<str>, Vec<ConnectionId>>,
    classes: HashMap<ClassId, Class>,
    class_ids: HashMap<Arc<ClassKey>, ClassId>,
    next_class: ClassId,
    index: ClassIndex,
    /// Subscribers that know more than has been delivered, by the first offset they want.
    early: BTreeMap<u64, Vec<(ConnectionId, ClassId)>>,
    /// Events up to here have been written out.
    delivered: u64,
    batch: Batch,
}

/// A connection as fan-out knows it.
struct Connected {
    outbox: Arc<Outbox>,
    user: Option<Arc<str>>,
    /// Class and place in it, while live.
    live: Option<(ClassId, usize)>,
}

impl Hub {
    pub fn new(
        log: Arc<EndpointLog>,
        encoder: Arc<Encoder>,
        groups: Arc<Groups>,
        admission: Arc<Semaphore>,
    ) -> Self {
        let delivered = log.ring.head();
        Self {
            endpoint: log.name.clone(),
            log,
            encoder,
            groups,
            admission,
            connections: HashMap::new(),
            users: HashMap::new(),
            classes: HashMap::new(),
            class_ids: HashMap::new(),
            next_class: 0,
            index: ClassIndex::default(),
            early: BTreeMap::new(),
            delivered,
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
            } => {
                if let Some(user) = &user {
                    self.users.entry(user.clone()).or_default().push(connection);
                }
                self.connections.insert(
                    connection,
                    Connected {
                        outbox,
                        user,
                        live: None,
                    },
                );
                gauge!("hookcast_connections", "endpoint" => self.endpoint.clone()).increment(1);
            }
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
            HubMessage::Exit { connection } => self.exit(connection),
        }
    }

    /// Sorts one step into the batch.
    fn take(&mut self, step: Step) {
        match step {
            Step::Event(event) => self.select(event),
            Step::Reply { connection, reply } => {
                let text = match &reply {
                    Reply::Ack { msg_id, position } => self
                        .encoder
                        .dialect
                        .notice(Notice::Ack { msg_id, position }),
                    Reply::Error { msg_id, rejection } => {
                        let msg_id = msg_id.as_deref();
                        self.encoder
                            .dialect
                            .notice(Notice::Error { msg_id, rejection })
                    }
                };
                self.batch.text(connection, &text);
            }
            Step::Push { connection, json } => self.batch.text(connection, &json),
            Step::Group(change) => {
                let offset = self
                    .batch
                    .events
                    .last()
                    .map_or(self.delivered, |event| event.offset);
                self.groups.apply(&change, offset);
            }
            Step::Close {
                connection,
                code,
                reason,
            } => {
                self.batch.closes.push((connection, code, reason));
            }
        }
    }

    /// Finds who sees an event.
    fn select(&mut self, event: Arc<Event>) {
        let at = self.batch.events.len() as u32;
        let (personal, touched) = (&mut self.batch.personal, &mut self.batch.touched);
        match &event.audience {
            Audience::All => {
                let classes = &mut self.classes;
                self.index.candidates(&event, |id| {
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
                for connection in self.users.get(user).into_iter().flatten() {
                    personal.entry(*connection).or_default().add.push(at);
                }
            }
        }
        self.batch.bytes += event.sent.len();
        self.batch.events.push(event);
    }

    /// Writes the batch out.
    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut writes = 0;
        let mut behind = Vec::new();
        for id in &batch.touched {
            let Some(class) = self.classes.get(id) else {
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
            if let Some(class) = self.classes.get_mut(id) {
                class.selected.clear();
            }
        }
        for connection in behind {
            self.leave_class(connection);
        }
        if let Some(last) = batch.events.last() {
            self.delivered = last.offset;
            self.log.ring.delivered(last.offset);
        }
        self.admission.add_permits(batch.admitted);
        for (connection, code, reason) in batch.closes {
            if let Some(connected) = self.connections.get(&connection) {
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
        let Some(connected) = self.connections.get(&connection) else {
            return Offered::Taken;
        };
        let frames = (!personal.frames.is_empty()).then(|| Bytes::from(personal.frames));
        let events = connected.live.and_then(|(class, _)| {
            let class = self.classes.get(&class)?;
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
        connected.outbox.offer(frames, events)
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

    fn subscribe(&mut self, connection: ConnectionId, key: Arc<ClassKey>, next: u64) -> Subscribed {
        if !self.connections.contains_key(&connection) {
            return Subscribed::Live;
        }
        let class = self.class(key.clone());
        let connected = &self.connections[&connection];
        if next > self.delivered + 1 {
            connected.outbox.set_lag(None);
            self.early
                .entry(next)
                .or_default()
                .push((connection, class));
            return Subscribed::Live;
        }
        let gap = self.delivered + 1 - next;
        if gap > SMALL_GAP {
            self.drop_class_if_empty(class);
            return Subscribed::Behind;
        }
        connected.outbox.set_lag(None);
        if gap > 0 {
            let Read::Events(events) = self.log.ring.read_after(next - 1, gap as usize, BYTES)
            else {
                connected.outbox.set_lag(Some(next));
                self.drop_class_if_empty(class);
                return Subscribed::Behind;
            };
            let complete = events.len() as u64 == gap;
            let visible = |event: &Arc<Event>| {
                visible(&self.groups, connection, connected.user.as_ref(), event)
            };
            let mut bytes = Vec::new();
            for event in events.iter().filter(|event| complete && visible(event)) {
                if let Some(shape) = key.shape(event) {
                    self.encoder.event(&key, event, shape, &mut bytes);
                }
            }
            let slice = Slice {
                bytes: bytes.into(),
                first: next,
            };
            if !complete {
                // Too large for one piece.
                connected.outbox.set_lag(Some(next));
                self.drop_class_if_empty(class);
                return Subscribed::Behind;
            }
            if connected.outbox.offer(None, Some(slice)) == Offered::Behind {
                // The socket is full again; the outbox knows where to read on.
                self.drop_class_if_empty(class);
                return Subscribed::Behind;
            }
        }
        self.join_class(connection, class);
        Subscribed::Live
    }

    /// Makes subscribers live that wanted nothing before the events at hand.
    async fn admit_early(&mut self, steps: &[Step]) {
        let first = steps.iter().find_map(|step| match step {
            Step::Event(event) => Some(event.offset),
            _ => None,
        });
        let Some(first) = first else { return };
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= first
        {
            let waiting = entry.remove();
            // They must not see what the batch holds already.
            self.flush().await;
            for (connection, class) in waiting {
                self.join_class(connection, class);
            }
        }
    }

    fn exit(&mut self, connection: ConnectionId) {
        self.leave_class(connection);
        self.groups.exit(connection);
        for waiting in self.early.values_mut() {
            waiting.retain(|(known, _)| *known != connection);
        }
        self.early.retain(|_, waiting| !waiting.is_empty());
        let Some(connected) = self.connections.remove(&connection) else {
            return;
        };
        gauge!("hookcast_connections", "endpoint" => self.endpoint.clone()).decrement(1);
        if let Some(user) = connected.user
            && let Some(connections) = self.users.get_mut(&user)
        {
            connections.retain(|known| *known != connection);
            if connections.is_empty() {
                self.users.remove(&user);
            }
        }
    }

    /// The class with this key, made if there is none.
    fn class(&mut self, key: Arc<ClassKey>) -> ClassId {
        if let Some(id) = self.class_ids.get(&key) {
            return *id;
        }
        let id = self.next_class;
        self.next_class = self.next_class.wrapping_add(1);
        self.index.insert(id, &key.filter);
        let class = Class {
            key: (*key).clone(),
            members: Vec::new(),
            selected: Vec::new(),
        };
        self.classes.insert(id, class);
        self.class_ids.insert(key, id);
        id
    }

    fn join_class(&mut self, connection: ConnectionId, id: ClassId) {
        let (Some(connected), Some(class)) = (
            self.connections.get_mut(&connection),
            self.classes.get_mut(&id),
        ) else {
            self.drop_class_if_empty(id);
            return;
        };
        connected.live = Some((id, class.members.len()));
        class.members.push((connection, connected.outbox.clone()));
        self.groups.caught_up(connection, self.delivered);
    }

    fn leave_class(&mut self, connection: ConnectionId) {
        let Some(connected) = self.connections.get_mut(&connection) else {
            return;
        };
        let Some((id, place)) = connected.live.take() else {
            return;
        };
        let Some(class) = self.classes.get_mut(&id) else {
            return;
        };
        class.members.swap_remove(place);
        if let Some((moved, _)) = class.members.get(place)
            && let Some(moved) = self.connections.get_mut(moved)
        {
            moved.live = Some((id, place));
        }
        self.drop_class_if_empty(id);
    }

    fn drop_class_if_empty(&mut self, id: ClassId) {
        let awaited = self.early.values().flatten().any(|(_, class)| *class == id);
        if !awaited
            && self
                .classes
                .get(&id)
                .is_some_and(|class| class.members.is_empty())
            && let Some(class) = self.classes.remove(&id)
        {
            self.index.remove(id, &class.key.filter);
            self.class_ids.remove(&class.key);
        }
    }
}

/// True if the event's audience includes the connection, filters aside.
pub fn visible(
    groups: &Groups,
    connection: ConnectionId,
    user: Option<&Arc<str>>,
    event: &Event,
) -> bool {
    if event.exclude_origin && event.origin == Some(connection) {
        return false;
    }
    match &event.audience {
        Audience::All => true,
        Audience::User(name) => user == Some(name),
        Audience::Group(group) => groups.was_member(connection, group, event.offset),
    }
}
