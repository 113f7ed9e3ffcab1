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
use super::hook::Hook;
use super::instance::Guest;
use super::state::{ActiveCall, State};
use super::surroundings::Surroundings;
use crate::effects::Effects;
use crate::id::ConnectionId;

mod answer;

use answer::Returned;
pub use answer::{Acceptance, Arg, Cause, Refusal, User};

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
    /// What host functions may ask.
    pub surroundings: Arc<dyn Surroundings>,
}

/// Answer of a hook whose rejection closes or refuses something: the plugin's own word
/// inside, a failure outside.
type Verdict<T, E> = Result<Result<T, E>, HookError>;

/// Hooks, each as in `wit/hooks.wit`. A hook that is not active changes nothing: it
/// answers none, or accepts. Effects are appended only when the answer is ok.
impl Generation {
    /// Who may connect.
    pub async fn connect(
        &self,
        cx: &CallContext,
        effects: &mut Effects,
    ) -> Verdict<Acceptance, Refusal> {
        let hook = Hook::Connect;
        if !self.has(hook) {
            return Ok(Ok(Acceptance::default()));
        }
        self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.connect {
                Some(guest) => guest.call_connect(store, call).await,
                None => Ok(Ok(Acceptance::default())),
            }
        })
        .await
    }

    /// The filter args of a subscription; none leaves the client's.
    pub async fn open(
        &self,
        cx: &CallContext,
        args: &[Arg],
        effects: &mut Effects,
    ) -> Result<Option<Vec<Arg>>, HookError> {
        let hook = Hook::Open;
        if !self.has(hook) {
            return Ok(None);
        }
        let args: Vec<&Arg> = args.iter().collect();
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.open {
                Some(guest) => guest.call_open(store, call, &args).await,
                None => Ok(Ok(None)),
            }
        });
        self.accepted(verdict.await?)
    }

    /// The message with its defaults; none leaves it as it is.
    pub async fn defaults(
        &self,
        cx: &CallContext,
        message: &str,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        let hook = Hook::Defaults;
        if !self.has(hook) {
            return Ok(None);
        }
        let message = message.to_owned();
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.defaults {
                Some(guest) => guest.call_defaults(store, call, &message).await,
                None => Ok(Ok(None)),
            }
        });
        self.accepted(verdict.await?)
    }

    /// The message as it is to be stored; none leaves it as it is.
    pub async fn prepare(
        &self,
        cx: &CallContext,
        message: &str,
        effects: &mut Effects,
    ) -> Result<Option<String>, HookError> {
        let hook = Hook::Prepare;
        if !self.has(hook) {
            return Ok(None);
        }
        let message = message.to_owned();
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.prepare {
                Some(guest) => guest.call_prepare(store, call, &message).await,
                None => Ok(Ok(None)),
            }
        });
        self.accepted(verdict.await?)
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
        let hook = Hook::Modify;
        if !self.has(hook) {
            return Ok(None);
        }
        let (message, row, old) = (
            message.to_owned(),
            row.map(str::to_owned),
            old.map(str::to_owned),
        );
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.modify {
                Some(guest) => {
                    guest
                        .call_modify(store, call, &message, row.as_ref(), old.as_ref())
                        .await
                }
                None => Ok(Ok(None)),
            }
        });
        self.accepted(verdict.await?)
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
        let hook = Hook::Handlers;
        if !self.has(hook) || self.handler(message_type).is_none() {
            return Ok(None);
        }
        let message = message.to_owned();
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.handlers {
                Some(guest) => guest.call_handle(store, call, message_type, &message).await,
                None => Ok(Ok(None)),
            }
        });
        self.accepted(verdict.await?)
    }

    /// Tells the plugin that the connection is gone.
    pub async fn close(
        &self,
        cx: &CallContext,
        cause: &Cause,
        effects: &mut Effects,
    ) -> Result<(), HookError> {
        let hook = Hook::Close;
        if !self.has(hook) {
            return Ok(());
        }
        let verdict = self.call(hook, cx, effects, async |store, guest, call| {
            match &guest.close {
                Some(guest) => guest.call_close(store, call, cause.lower()).await.map(Ok),
                None => Ok(Ok(())),
            }
        });
        self.accepted(verdict.await?)
    }

    /// Turns the plugin's rejection into the host's.
    fn accepted<T>(&self, verdict: Result<T, wit::Rejection>) -> Result<T, HookError> {
        verdict.map_err(|rejection| HookError::Rejected(answer::rejection(rejection)))
    }

    /// Calls a guest and counts how it went.
    async fn call<T, E>(
        &self,
        hook: Hook,
        cx: &CallContext,
        effects: &mut Effects,
        guest: impl AsyncFnOnce(
            &mut Store<State>,
            &Guest,
            wit::Call<'_>,
        ) -> wasmtime::Result<Result<T, E>>,
    ) -> Verdict<T, E>
    where
        T: Returned,
        E: Returned,
    {
        let limits = &self.pool.settings().limits;
        let mut lease = self.pool.lend(hook, &cx.endpoint).await?;
        let instance = &mut lease.instance;
        let store = &mut instance.store;
        store.set_epoch_deadline(1);
        let state = store.data_mut();
        let surroundings = Arc::clone(&cx.surroundings);
        state.begin(ActiveCall::new(
            cx.connection,
            surroundings,
            effects.0.len(),
        ));
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

        let answer = guest(store, &instance.guest, call);
        let answer = within(&clock, limits.hook, limits.wall, answer).await;
        let took = clock.took();
        let state = instance.store.data_mut();
        let asked = state.end();
        let error = match answer {
            Ok(Ok(verdict)) => match answer::problem(&verdict, limits.output) {
                None => {
                    if verdict.is_ok() {
                        effects.0.append(&mut state.effects);
                    }
                    state.effects.clear();
                    lease.give_back();
                    self.statistics.returned(hook, took, verdict.is_err());
                    return Ok(verdict);
                }
                Some(problem) => HookError::BadOutput {
                    place: Box::new(self.pool.place(hook)),
                    problem,
                },
            },
            Ok(Err(error)) => HookError::from_wasmtime(
                self.pool.place(hook),
                &error,
                (limits.hook, "limits.hook"),
                asked,
            ),
            Err(WallReached) => self.pool.wall_reached(hook),
        };
        if let Some(kind) = error.kind() {
            self.statistics.failed(hook, took, kind);
        }
        Err(error)
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
