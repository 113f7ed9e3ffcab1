//! `hookcast:plugin/groups`: changes are buffered, reads see what is committed.

use super::Answer;
use super::messaging::{connection_id, group_name};
use crate::effects::{Effect, GroupChange};
use crate::plugin::bindings::hookcast::plugin::groups;
use crate::plugin::state::State;

/// Most members that one call of `members` returns.
const MEMBERS: usize = 10_000;

impl groups::Host for State {
    fn join(&mut self, connection: String, group: String) -> Answer<()> {
        let connection = connection_id(&connection)?;
        let group = group_name(group)?;
        Ok(self.push(
            group.len(),
            Effect::Group(GroupChange::Join { connection, group }),
        )?)
    }

    fn leave(&mut self, connection: String, group: String) -> Answer<()> {
        let connection = connection_id(&connection)?;
        let group = group_name(group)?;
        Ok(self.push(
            group.len(),
            Effect::Group(GroupChange::Leave { connection, group }),
        )?)
    }

    fn move_(&mut self, connection: String, group: String) -> Answer<()> {
        let connection = connection_id(&connection)?;
        let group = group_name(group)?;
        Ok(self.push(
            group.len(),
            Effect::Group(GroupChange::Move { connection, group }),
        )?)
    }

    fn members(&mut self, group: String) -> Vec<String> {
        let Some(call) = &self.call else {
            return Vec::new();
        };
        self.tape.answered_now("groups.members", || {
            let members = call.surroundings.members(&group, MEMBERS);
            members
                .iter()
                .take(MEMBERS)
                .map(ToString::to_string)
                .collect()
        })
    }

    fn count(&mut self, group: String) -> u32 {
        let Some(call) = &self.call else { return 0 };
        let count = || call.surroundings.count(&group);
        self.tape.answered_now("groups.count", count)
    }
}
