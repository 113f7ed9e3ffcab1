//! Plugins in JavaScript, as the host runs them.

use super::support::{Room, context, none, try_load};
use crate::plugin::{Generation, HookError, PluginSettings};

mod answers;
mod asking;
mod loading;

/// Loads a script as the plugin `p`, which makes its file `p.js`.
async fn script(source: &str) -> Generation {
    loaded(source, PluginSettings::default()).await
}

async fn loaded(source: &str, settings: PluginSettings) -> Generation {
    let loaded = try_load("p", source.as_bytes().to_vec(), settings).await;
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// What `prepare` makes of a message.
async fn prepared(plugin: &Generation, message: &str) -> Result<Option<String>, HookError> {
    let cx = context(Room::default());
    plugin.prepare(&cx, message, &mut none()).await
}
