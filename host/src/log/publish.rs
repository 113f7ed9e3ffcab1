//! Handing on what a group has become: events, acknowledgements, refusals.

use std::sync::Arc;

use metrics::counter;

use super::appender::Verdict;
use super::endpoint_log::EndpointLog;
use super::event::Event;
use super::submission::{Item, Part, Receipt, Source, Submission};
use crate::deliver::{Delivery, HubMessage, Reply, Step};

/// Publishes what was committed: to the ring first, so that cursors find it, then to
/// fan-out, endpoint by endpoint.
pub fn hand_on(settled: impl Iterator<Item = (Submission, Verdict)>, time: i64) {
    let mut group = Group {
        outgoing: Vec::new(),
        time,
    };
    for (submission, verdict) in settled {
        group.settle(submission, verdict);
    }
    for out in group.outgoing {
        out.log.ring.push(&out.events);
        out.log.hub.send(HubMessage::Deliver(out.delivery));
    }
}

/// One commit group, sorted by endpoint.
struct Group {
    outgoing: Vec<Outgoing>,
    time: i64,
}

/// What the group means for one endpoint.
struct Outgoing {
    log: Arc<EndpointLog>,
    /// Offset of the next event. The appender has given the same: it counts from the
    /// ring's head, too, and what it has written comes here in its order.
    next: u64,
    events: Vec<Arc<Event>>,
    delivery: Delivery,
}

impl Group {
    fn of(&mut self, log: &Arc<EndpointLog>) -> &mut Outgoing {
        // A group rarely spans more than a few endpoints: a scan beats a map.
        let mut known = self.outgoing.iter();
        let known = known.position(|out| Arc::ptr_eq(&out.log, log));
        let at = known.unwrap_or_else(|| {
            self.outgoing.push(Outgoing {
                log: Arc::clone(log),
                next: log.ring.head() + 1,
                events: Vec::new(),
                delivery: Delivery::default(),
            });
            self.outgoing.len() - 1
        });
        &mut self.outgoing[at]
    }

    fn settle(&mut self, submission: Submission, verdict: Verdict) {
        let out = self.of(&submission.own.log);
        out.delivery.admitted += submission.weight() as usize;
        let connection = submission.source.connection;
        let mut reply = |reply| {
            let step = Step::Reply { connection, reply };
            out.delivery.steps.push(step);
        };
        match verdict {
            Verdict::Written { first } => {
                let id = submission.source.message_id.as_ref();
                if id.is_some() || submission.source.awaited {
                    let receipt = Receipt {
                        position: submission.own.log.position(first).to_string(),
                        rows: submission.rows,
                    };
                    reply(Reply::ack(id, receipt));
                }
                submission.lane.settle();
                for part in submission.parts() {
                    part.alerts.committed(&part.log.name);
                }
                let source = submission.source;
                self.publish(submission.own, &source);
                for part in submission.published {
                    self.publish(part, &source);
                }
            }
            Verdict::Repeat(receipt) => {
                reply(Reply::ack(submission.source.message_id.as_ref(), receipt));
                submission.lane.settle();
            }
            Verdict::Refused(rejection) => {
                reply(Reply::error(&submission.source, rejection));
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

    fn publish(&mut self, part: Part, source: &Source) {
        let time = self.time;
        let out = self.of(&part.log);
        for item in part.items {
            match item {
                Item::Step(step) => out.delivery.steps.push(step),
                Item::Event(draft) => {
                    let event = Arc::new(Event {
                        offset: out.next,
                        time,
                        method: draft.method,
                        audience: draft.audience,
                        origin: Some(source.connection),
                        origin_user: source.user.clone(),
                        exclude_origin: draft.exclude_origin,
                        change: draft.change,
                        sent: draft.sent.into(),
                        judged_by: part.judged_by.clone(),
                    });
                    out.next += 1;
                    out.events.push(event.clone());
                    out.delivery.steps.push(Step::Event(event));
                }
            }
        }
    }
}
