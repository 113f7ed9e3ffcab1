//! Taking a plugin out of service without removing it.

use super::ReloadError;
use super::chains::refresh;
use crate::app::App;

/// From now on none of the plugin's hooks is called, and its endpoints take no messages.
pub async fn quarantine(app: &App, name: &str, reason: &str) -> Result<(), ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    begin(app, name, reason).await
}

/// Ends it; so do a reload, an upload and a rollback.
pub async fn resume(app: &App, name: &str) -> Result<(), ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    app.plugins.quarantine(name, None)?;
    refresh(app, name);
    app.plugins.note_quarantine(name, None).await;
    tracing::info!(plugin = name, "out of quarantine");
    Ok(())
}

pub(super) async fn begin(app: &App, name: &str, reason: &str) -> Result<(), ReloadError> {
    app.plugins.quarantine(name, Some(reason))?;
    // Before anything waits for the disk.
    refresh(app, name);
    app.plugins.note_quarantine(name, Some(reason)).await;
    tracing::error!(
        plugin = name,
        "in quarantine: {reason}. Messages to its endpoints wait until it is resumed, \
         reloaded, rolled back or replaced"
    );
    Ok(())
}
