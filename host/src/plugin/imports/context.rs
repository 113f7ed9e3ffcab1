//! `hookcast:plugin/context`: the connection behind the call. Empty while `describe`
//! runs, which no connection has caused.

use crate::plugin::bindings::hookcast::plugin::context;
use crate::plugin::bindings::hookcast::plugin::types::Arg;
use crate::plugin::state::State;
use crate::plugin::surroundings::Surroundings;

impl State {
    fn ask<T: Default>(&self, question: impl FnOnce(&dyn Surroundings) -> T) -> T {
        self.call
            .as_ref()
            .map(|call| question(&*call.surroundings))
            .unwrap_or_default()
    }
}

fn pairs(pairs: Vec<(String, String)>) -> Vec<context::Pair> {
    pairs
        .into_iter()
        .map(|(name, value)| context::Pair { name, value })
        .collect()
}

impl context::Host for State {
    fn args(&mut self) -> Vec<Arg> {
        let args = self.ask(|around| around.args());
        args.into_iter()
            .map(|(key, values)| Arg { key, values })
            .collect()
    }

    fn path_parameters(&mut self) -> Vec<context::Pair> {
        pairs(self.ask(|around| around.path_parameters()))
    }

    fn headers(&mut self) -> Vec<context::Pair> {
        pairs(self.ask(|around| around.headers()))
    }

    fn user(&mut self) -> Option<String> {
        self.ask(|around| around.user())
    }

    fn session(&mut self) -> Option<String> {
        self.ask(|around| around.session())
    }

    fn groups(&mut self) -> Vec<String> {
        self.ask(|around| around.groups())
    }

    fn metadata(&mut self) -> Option<String> {
        self.ask(|around| around.metadata())
    }
}
