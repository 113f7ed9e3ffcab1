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
use super::fixture::{shown_keys, shown_list};
use super::generation::Generation;
use super::instance::{Guest, Instance};
use super::limits::Limit;
use super::rehearsal::Rehearsal;
use super::state::{ActiveCall, State};
use super::statistics::Spent;
use super::surroundings::Surroundings;
use super::tape::Notes;
use crate::effects::Effects;
use crate::id::ConnectionId;
use crate::kv::Space;

mod input;
mod output;
mod told;
mod trail;

pub use input::{Arg, Cause, Input};
pub use output::{Acceptance, Output, Refusal, User};
pub use trail::Trail;

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
    /// The message's `_msg_id`, for logs and recordings.
    pub message_id: Option<Arc<str>>,
    /// The last call, until its output is known to be usable.
    pub trail: Trail,
    /// The calls are a comparison's.
    pub rehearsal: Option<Arc<Rehearsal>>,
}

impl CallContext {
    /// A call by an anonymous connection, received at 0.
    pub fn new(
        connection: ConnectionId,
        method: &'static str,
        endpoint: Arc<str>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        Self {
            connection,
            user: None,
            method,
            endpoint,
            received_at: 0,
            queued: false,
            depth: 0,
            surroundings,
            message_id: None,
            trail: Trail::default(),
            rehearsal: None,
        }
    }

    /// The message in words, or its connection where it has no id.
    fn cause(&self) -> Arc<str> {
        match &self.message_id {
            Some(id) => format!("message `{}`", super::log::printable(id)).into(),
            None => format!("connection {}", self.connection).into(),
        }
    }
}

/// How a call went.
pub(super) struct Served {
    /// A rejection is an output.
    pub outcome: Result<Output, HookError>,
    pub spent: Spent,
    /// The instance can serve another call.
    pub reusable: bool,
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
        let output = self.run(cx, &input, effects).await?;
        cx.trail.input(input);
        Ok(match output {
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
                if cx.rehearsal.is_none() {
                    self.failed();
                }
                Err(error)
            }
        }
    }

    /// Calls a guest and tells whoever wants to know how it went.
    async fn call(
        &self,
        cx: &CallContext,
        input: &Input,
        effects: &mut Effects,
    ) -> Result<Output, HookError> {
        let hook = input.hook();
        let mark = effects.list.len();
        let watched = self.watch.as_ref().is_some_and(|watch| watch.is_active());
        let keys = watched.then(|| effects.keys.of(&self.name));
        let mut lease = self.pool.lend(hook, &cx.endpoint).await?;
        let script = cx.rehearsal.as_ref().map(|rehearsal| rehearsal.script());
        let served = self.serve(&mut lease.instance, cx, input, effects, script);
        let Served {
            mut outcome,
            spent,
            reusable,
        } = served.await;
        match &cx.rehearsal {
            Some(rehearsal) => {
                rehearsal.note(self.number, hook, spent.took);
                if let Err(error) = &outcome {
                    rehearsal.failed(error);
                }
            }
            None => {
                self.count(hook, &spent, &outcome);
                if let Some(watch) = &self.watch {
                    let given = lease.instance.given();
                    let shown = || {
                        let list = effects.list.get(mark..).unwrap_or_default();
                        let mut shown = shown_list(list, cx.connection, &*cx.surroundings);
                        let now = effects.keys.of(&self.name);
                        shown.extend(shown_keys(&keys.unwrap_or_default(), &now));
                        shown
                    };
                    self.tell(watch, cx, input, given, &mut outcome, spent.took, shown);
                }
            }
        }
        if reusable {
            lease.give_back();
        }
        outcome
    }

    /// Calls a guest on an instance. Nobody is told; a rejection is an output.
    pub(super) async fn serve(
        &self,
        instance: &mut Instance,
        cx: &CallContext,
        input: &Input,
        effects: &mut Effects,
        script: Option<Notes>,
    ) -> Served {
        let hook = input.hook();
        let limits = &self.pool.settings().limits;
        instance.served += 1;
        let store = &mut instance.store;
        store.set_epoch_deadline(1);
        let state = store.data_mut();
        state.begin(ActiveCall::new(cx, effects.len()));
        state.keys = effects.keys.of(&self.name);
        state.tape.begin(script);
        if !state.keys.is_empty() {
            // What earlier hooks of the message have done to keys is not noted.
            state.tape.lacks_something();
        }
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
            _ if ended.wanted_http => HookError::Unavailable {
                place: Box::new(self.pool.place(hook)),
                problem: "it sends HTTP requests, which calls of fixtures and comparisons \
                          don't: their answers are not recorded, and sent again they would be \
                          done again"
                    .into(),
            },
            Ok(Ok(output)) => match output.problem(hook, limits.output) {
                None => {
                    if !output.says_no() {
                        effects.list.append(&mut state.effects);
                        let keys = std::mem::take(&mut state.keys);
                        effects.keys.set(&self.name, keys);
                    }
                    state.effects.clear();
                    state.keys = Space::default();
                    return Served {
                        outcome: Ok(output),
                        spent,
                        reusable: !ended.spent,
                    };
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
        Served {
            outcome: Err(error.by(cx.cause())),
            spent,
            reusable: false,
        }
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
