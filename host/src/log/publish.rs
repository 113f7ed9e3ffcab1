//! Handing on what a group has become: events, acknowledgements, refusals.

use std::sync::Arc;

use metrics::counter;

use super::appender::Verdict;
use super::endpoint_log::EndpointLog;
use super::event::Event;
use super::submission::{Item, Submission};
use crate::deliver::{Delivery, HubMessage, Reply, Step};

/// Publishes what was committed: to the ring first, so that cursors find it, then to
/// fan-out, endpoint by endpoint.
pub fn hand_on(settled: impl Iterator<Item = (Submission, Verdict)>, time: i64) {
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
        self.delivery.admitted += submission.weight() as usize;
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
