//! The types of plugins in JavaScript, checked by TypeScript: the sample plugin and a script
//! that uses everything must pass, and what is marked as wrong must not.

use std::process::Command;

use anyhow::Result;

use crate::summary::Summary;
use crate::{process, workspace};

const NAME: &str = "types of plugins in JavaScript";

/// Checks them, or notes what is missing.
pub fn test(summary: &mut Summary) {
    if process::find("npm").is_none() {
        return summary.skip(NAME, "needs `npm`: install Node.js 20 or later");
    }
    summary.run(NAME, check);
}

fn check() -> Result<()> {
    process::install_npm(&folder())?;
    process::run(Command::new("npm").arg("test").current_dir(folder()))
}

fn folder() -> std::path::PathBuf {
    workspace::root().join("guest-sdk/javascript/types")
}
