//! The plugins of an endpoint, in order, as one snapshot.

use std::sync::Arc;

use crate::log::submission::Command;
use crate::plugin::{Generation, Hook, Serving};

/// Whoever judges a message takes one chain and judges all of it with that.
#[derive(Default)]
pub struct Chain {
    /// Those that may be called.
    generations: Vec<Arc<Generation>>,
    handler_types: Vec<String>,
    /// `name@digest` of each, separated by blanks.
    pub judged_by: Arc<str>,
    /// Plugins in quarantine: none of their hooks runs.
    quarantined: Vec<Arc<Generation>>,
    /// While one of the plugins is on probation: the chain with the generations before.
    fallback: Option<Arc<Chain>>,
}

impl Chain {
    /// # Errors
    /// Two plugins that handle one message type.
    pub fn new(plugins: &[Serving]) -> Result<Self, String> {
        let newest = plugins.iter().map(|one| &one.generation);
        let mut chain = Self::of(plugins, newest)?;
        if plugins.iter().any(|one| one.fallback.is_some()) {
            let older = plugins
                .iter()
                .map(|one| one.fallback.as_ref().unwrap_or(&one.generation));
            // Where the plugins have changed so that the old ones do not go together,
            // there is nothing to fall back to.
            chain.fallback = Self::of(plugins, older).ok().map(Arc::new);
        }
        Ok(chain)
    }

    /// The chain of these generations, one of each plugin.
    fn of<'a>(
        plugins: &[Serving],
        generations: impl Iterator<Item = &'a Arc<Generation>>,
    ) -> Result<Self, String> {
        let generations: Vec<_> = generations.cloned().collect();
        let mut handler_types: Vec<String> = Vec::new();
        for generation in generations.iter().filter(|one| one.has(Hook::Handlers)) {
            for handler in generation.handlers() {
                if handler_types.contains(&handler.message_type) {
                    return Err(format!(
                        "plugin `{}` handles `{}`, which a plugin before it handles already; \
                         rename one of the two message types",
                        generation.name(),
                        handler.message_type
                    ));
                }
                handler_types.push(handler.message_type.clone());
            }
        }
        let judged_by: Vec<_> = generations
            .iter()
            .map(|one| {
                format!(
                    "{}@{}",
                    one.name(),
                    &one.digest()[..12.min(one.digest().len())]
                )
            })
            .collect();
        let all = generations.into_iter().zip(plugins);
        let (out, called): (Vec<_>, Vec<_>) = all.partition(|(_, plugin)| plugin.quarantined);
        let alone = |some: Vec<(Arc<Generation>, &Serving)>| {
            some.into_iter().map(|(generation, _)| generation).collect()
        };
        Ok(Self {
            generations: alone(called),
            handler_types,
            judged_by: judged_by.join(" ").into(),
            quarantined: alone(out),
            fallback: None,
        })
    }

    /// The same with instances of its own, for a comparison; `instead` takes the place of
    /// the generation of its name. Plugins in quarantine are left out.
    ///
    /// # Errors
    /// As of [`Chain::new`].
    pub fn twin(&self, instead: Option<&Arc<Generation>>) -> Result<Self, String> {
        let twins = self.generations.iter().map(|one| match instead {
            Some(other) if other.name() == one.name() => Arc::clone(other),
            _ => Arc::new(one.twin()),
        });
        let twins: Vec<_> = twins
            .map(|generation| Serving {
                generation,
                fallback: None,
                quarantined: false,
            })
            .collect();
        Self::new(&twins)
    }

    /// The generation of a plugin that may be called, by its number.
    pub fn number_of(&self, plugin: &str) -> Option<u64> {
        let mut generations = self.generations.iter();
        let found = generations.find(|one| &**one.name() == plugin)?;
        Some(found.number())
    }

    /// The generations that have a hook, in order, without those in quarantine.
    pub fn with(&self, hook: Hook) -> impl Iterator<Item = &Arc<Generation>> {
        self.generations
            .iter()
            .filter(move |generation| generation.has(hook))
    }

    pub fn has(&self, hook: Hook) -> bool {
        self.with(hook).next().is_some()
    }

    /// The message types that are handled.
    pub fn handler_types(&self) -> &[String] {
        &self.handler_types
    }

    /// Who handles a message type.
    pub fn handler(&self, message_type: &str) -> Option<&Arc<Generation>> {
        self.with(Hook::Handlers).find(|one| {
            one.handlers()
                .iter()
                .any(|handler| handler.message_type == message_type)
        })
    }

    /// The first plugin in quarantine; none when all may be called.
    pub fn quarantined(&self) -> Option<&Arc<Generation>> {
        self.quarantined.first()
    }

    /// Whether a hook of a plugin in quarantine would decide who gets in.
    pub fn is_door_shut(&self) -> bool {
        let mut quarantined = self.quarantined.iter();
        quarantined.any(|one| one.has(Hook::Connect) || one.has(Hook::Open))
    }

    /// The chain to judge by when a hook of this one has failed; none when there is no
    /// probation.
    pub fn fallback(&self) -> Option<Arc<Chain>> {
        self.fallback.clone()
    }

    /// The same for one message: an older generation may not know its type.
    pub fn fallback_for(&self, command: &Command) -> Option<Arc<Chain>> {
        self.fallback().filter(|chain| match command {
            Command::Change { .. } => true,
            Command::Handle { message_type, .. } => chain.handler(message_type).is_some(),
        })
    }
}
