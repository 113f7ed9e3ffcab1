//! Subscribers that see the same bytes.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::filter::{Filter, Projection};
use crate::id::ConnectionId;
use crate::log::{Event, Incarnation, Method, Position};
use crate::row::Table;

use super::socket::Outbox;
use super::wire::Wire;

/// What a class has in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ClassKey {
    pub wire: Wire,
    /// The subscriber asked for positions in its frames.
    pub positions: bool,
    pub filter: Filter,
    pub projection: Projection,
}

/// How a subscriber gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// As it was sent.
    Whole,
    /// The row has left the subscriber's filter: it must go, and its new values are
    /// none of this subscriber's business.
    Removal,
}

impl ClassKey {
    /// How subscribers of this class get an event of their audience; none if not at all.
    pub fn shape(&self, event: &Event) -> Option<Shape> {
        if self.filter.0.is_empty() || event.change.is_none() {
            // Sends by plugins carry no row; a filter selects rows.
            return Some(Shape::Whole);
        }
        match (event.old(), event.row()) {
            (_, Some(row)) if self.filter.matches(row) => Some(Shape::Whole),
            (Some(old), None) if self.filter.matches(old) => Some(Shape::Whole),
            (Some(old), Some(_)) if self.filter.matches(old) => Some(Shape::Removal),
            _ => None,
        }
    }
}

/// Writes events as a class sees them.
pub struct Encoder {
    pub dialect: Arc<dyn Dialect>,
    pub table: Option<Arc<Table>>,
    pub incarnation: Incarnation,
}

impl Encoder {
    /// Appends one event.
    pub fn event(&self, key: &ClassKey, event: &Event, shape: Shape, out: &mut Vec<u8>) {
        let position = (key.positions || key.wire.has_ids()).then(|| {
            Position {
                incarnation: self.incarnation,
                offset: event.offset,
            }
            .to_string()
        });
        if let Some(position) = &position {
            key.wire.id(position, out);
        }
        let position = position.as_deref().filter(|_| key.positions);
        key.wire
            .text_with(out, |out| match (shape, &self.table, event.old()) {
                (Shape::Removal, Some(table), Some(old)) => {
                    let row = (&*table.key().name, old.key(table));
                    self.dialect.removal(row, position, out);
                }
                _ => {
                    let sent = shown(&key.projection, event);
                    self.dialect.event(event, &sent, position, out);
                }
            });
    }
}

/// What a projection shows of an event. A DELETE is whole: it says which row is gone, and
/// of a row's values there are none. So are sends by plugins, which are no rows.
fn shown<'e>(projection: &Projection, event: &'e Event) -> Cow<'e, [u8]> {
    let changes_a_row = matches!(event.method, Some(Method::Post | Method::Put));
    if !changes_a_row || *projection == Projection::All {
        return Cow::Borrowed(&event.sent);
    }
    let message: Map<String, Value> = serde_json::from_slice(&event.sent).unwrap_or_default();
    let message = Value::Object(projection.apply(message));
    Cow::Owned(message.to_string().into_bytes())
}

/// The live members of a class.
pub struct Class {
    pub key: ClassKey,
    pub members: Vec<(ConnectionId, Arc<Outbox>)>,
    /// What the batch at hand means for this class: indexes into its events.
    pub selected: Vec<(u32, Shape)>,
}
