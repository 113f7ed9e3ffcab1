//! The one file through which guests are called.
//!
//! A call takes an instance, sets what host functions see, runs the guest under its
//! limits, and takes the effects out. The instance is kept after an answer, a rejection
//! included, and thrown away after anything else: trap, deadline, unusable output, a
//! future that was dropped. Effects reach the message's buffer only after an answer.

use std::sync::Arc;

use wasmtime::Store;

use super::bindings::hookcast::plugin::types as wit;
use super::deadline::{WallReached, within};
use super::error::HookError;
use super::generation::Generation;
use super::instance::Guest;
use super::limits::Limit;
use super::state::{ActiveCall, State};
use super::statistics::Spent;
use super::surroundings::Surroundings;
use crate::effects::Effects;
use crate::id::ConnectionId;
use crate::kv::Space;

mod input;
mod output;

pub use input::{Arg, Cause, Input};
pub use output::{Acceptance, Output, Refusal, User};

/// What caused a call, the same for all hooks of one message.
#[derive(Clone)]
pub struct CallContext {
    pub connection: ConnectionId,
    /// Id of the authenticated user.
    pub user: Option<Arc<str>>,
    /// `POST`, `PUT` or `DELETE` for messages; empty for connect, open, close, handlers.
    pub method: &'static str,
    /// Name of the endpoint.
    pub endpoint: Arc<str>,
    /// When the frame was received: microseconds since 1970-01-01 UTC.
    pub received_at: u64,
    /// The message waited in a queue before it was judged.
    pub queued: bool,
    /// 0 for what a client caused; 1 more for each message that a plugin published
    /// because of it.
    pub depth: u8,
    /// What host functions may ask.
    pub surroundings: Arc<dyn Surroundings>,
}

/// Hooks, each as in `wit/hooks.wit`. A hook that is not active changes nothing: it
/// answers none, or accepts. Effects are appended only when the answer is ok.
impl Generation {
    /// Who may connect: the plugin's own word inside, a failure outside.
    pub async fn connect(
        &self,
        cx: &CallContext,
        effects: &mut Effects,
    ) -> Result<Result<Acceptance, Refusal>, HookError> {
        Ok(match self.run(cx, &Input::Connect, effects).await? {
            Output::Accepted(acceptance) => Ok(acceptance),
            Output::Refused(refusal) => Err(refusal),
            _ => Ok(Acceptance::default()),
        })
    }

    /// The filter args of a subscription; none leaves the client's.
    pub async fn open(
        &self,
        cx: &CallContext,
        args: &[Arg],
        effects: &mut Effects,
    ) -> Result<Option<Vec<Arg>>, HookError> {
        let args = args.to_vec();
        Ok(match self.run(cx, &Input::Open { args }, effects).await? {
            Output::Args(args) => args,
            _ => None,
        })
    }

    /// The message with its defaults; none leaves it as it is.
    pub async fn defaults(
        &self,
        cx: &CallContext,
        message: &str,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        let message = message.to_owned();
        self.message(cx, Input::Defaults { message }, effects).await
    }

    /// The message as it is to be stored; none leaves it as it is.
    pub async fn prepare(
        &self,
        cx: &CallContext,
        message: &str,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        let message = message.to_owned();
        self.message(cx, Input::Prepare { message }, effects).await
    }

    /// The message as it is to be broadcast; none leaves it as it is. `row` is none for
    /// DELETE, `old` for POST.
    pub async fn modify(
        &self,
        cx: &CallContext,
        message: &str,
        row: Option<&str>,
        old: Option<&str>,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        let input = Input::Modify {
            message: message.to_owned(),
            row: row.map(str::to_owned),
            old: old.map(str::to_owned),
        };
        self.message(cx, input, effects).await
    }

    /// The answer to a typed message. Only for types that [`Generation::handler`] knows;
    /// any other gets none.
    pub async fn handle(
        &self,
        cx: &CallContext,
        message_type: &str,
        message: &str,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        if self.handler(message_type).is_none() {
            return Ok(None);
        }
        let input = Input::Handlers {
            message_type: message_type.to_owned(),
            message: message.to_owned(),
        };
        self.message(cx, input, effects).await
    }

    /// Tells the plugin that the connection is gone.
    pub async fn close(
        &self,
        cx: &CallContext,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), HookError> {
        let cause = cause.clone();
        self.run(cx, &Input::Close { cause }, effects)
            .await
            .map(drop)
    }

    /// A hook that returns a message, or none for the one it got.
    async fn message(
        &self,
        cx: &CallContext,
        input: Input,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        Ok(match self.run(cx, &input, effects).await? {
            Output::Message(message) => message,
            _ => None,
        })
    }

    /// Calls whichever hook the input is for. A rejection is an error here; a refused
    /// connection is an output.
    pub async fn run(
        &self,
        cx: &CallContext,
        input: &Input,
        effects: &mut Effects,
    ) -> Result<Output, HookError> {
        if !self.has(input.hook()) {
            return Ok(Output::Unchanged);
        }
        match self.call(cx, input, effects).await {
            Ok(Output::Rejected(rejection)) => Err(HookError::Rejected(rejection)),
            Ok(output) => Ok(output),
            Err(error) => {
                self.failed();
                Err(error)
            }
        }
    }

    /// Calls a guest and counts how it went.
    async fn call(
        &self,
        cx: &CallContext,
        input: &Input,
        effects: &mut Effects,
    ) -> Result<Output, HookError> {
        let hook = input.hook();
        let limits = &self.pool.settings().limits;
        let mut lease = self.pool.lend(hook, &cx.endpoint).await?;
        let instance = &mut lease.instance;
        let store = &mut instance.store;
        store.set_epoch_deadline(1);
        let state = store.data_mut();
        state.begin(ActiveCall::new(cx, effects.len()));
        state.keys = effects.keys.of(&self.name);
        let clock = Arc::clone(&state.clock);
        let connection = cx.connection.to_string();
        let call = wit::Call {
            connection: &connection,
            user: cx.user.as_deref(),
            method: cx.method,
            endpoint: &cx.endpoint,
            received_at: cx.received_at,
            queued: cx.queued,
        };

        let answer = invoke(store, &instance.guest, call, input);
        let answer = within(&clock, limits.hook, limits.wall, answer).await;
        let spent = Spent::of(&clock, input);
        let state = instance.store.data_mut();
        let ended = state.end();
        let error = match answer {
            Ok(Ok(output)) => match output.problem(limits.output) {
                None => {
                    if !output.says_no() {
                        effects.list.append(&mut state.effects);
                        let keys = std::mem::take(&mut state.keys);
                        effects.keys.set(&self.name, keys);
                    }
                    state.effects.clear();
                    state.keys = Space::default();
                    if !ended.spent {
                        lease.give_back();
                    }
                    self.statistics.returned(hook, &spent, &output);
                    return Ok(output);
                }
                Some(problem) => HookError::BadOutput {
                    place: Box::new(self.pool.place(hook)),
                    limit: (output.bytes() > limits.output).then_some(Limit::Output),
                    problem,
                },
            },
            Ok(Err(error)) => {
                let limit = (limits.hook, "limits.hook");
                self.pool.failed(hook, &error, limit, ended.last_words)
            }
            Err(WallReached) => self.pool.wall_reached(hook),
        };
        self.statistics.failed(hook, &spent, &error);
        self.pool.log().host_says(&error.to_string());
        Err(error)
    }
}

/// Runs the guest's export. One that is not there changes nothing.
async fn invoke(
    store: &mut Store<State>,
    guest: &Guest,
    call: wit::Call<'_>,
    input: &Input,
) -> wasmtime::Result<Output> {
    let unchanged = Ok(Output::Unchanged);
    match input {
        Input::Connect => match &guest.connect {
            Some(guest) => Ok(guest.call_connect(store, call).await?.into()),
            None => unchanged,
        },
        Input::Open { args } => match &guest.open {
            Some(guest) => {
                let args: Vec<&Arg> = args.iter().collect();
                Ok(guest.call_open(store, call, &args).await?.into())
            }
            None => unchanged,
        },
        Input::Defaults { message } => match &guest.defaults {
            Some(guest) => Ok(guest.call_defaults(store, call, message).await?.into()),
            None => unchanged,
        },
        Input::Prepare { message } => match &guest.prepare {
            Some(guest) => Ok(guest.call_prepare(store, call, message).await?.into()),
            None => unchanged,
        },
        Input::Modify { message, row, old } => match &guest.modify {
            Some(guest) => {
                let (row, old) = (row.as_ref(), old.as_ref());
                let modified = guest.call_modify(store, call, message, row, old).await?;
                Ok(modified.into())
            }
            None => unchanged,
        },
        Input::Handlers {
            message_type,
            message,
        } => match &guest.handlers {
            Some(guest) => {
                let answer = guest.call_handle(store, call, message_type, message);
                Ok(answer.await?.into())
            }
            None => unchanged,
        },
        Input::Close { cause } => match &guest.close {
            Some(guest) => {
                guest.call_close(store, call, cause.lower()).await?;
                unchanged
            }
            None => unchanged,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hooks run on tasks that tokio moves between threads: this must compile.
    #[allow(dead_code, reason = "only its types matter")]
    fn calls_are_send(generation: &'static Generation, cx: &'static CallContext) {
        fn send(_: impl Send) {}
        let effects = || Box::leak(Box::new(Effects::default()));
        send(generation.connect(cx, effects()));
        send(generation.open(cx, &[], effects()));
        send(generation.prepare(cx, "{}", effects()));
        send(generation.modify(cx, "{}", None, None, effects()));
        send(generation.handle(cx, "ping", "{}", effects()));
    }
}
