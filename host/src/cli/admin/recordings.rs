//! `hookcast admin record`: the next calls of a plugin, as files.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::client::{Client, Failure};
use crate::cli::url;

/// Between two questions whether the calls have come.
const PAUSE: Duration = Duration::from_millis(200);

/// Has the server keep the next calls, waits for them and writes each to `folder`.
pub(super) fn record(
    client: &Client,
    name: &str,
    calls: usize,
    endpoint: Option<&str>,
    folder: &Path,
    wait: Duration,
) -> Result<Value, Failure> {
    let path = format!("/api/plugins/{name}/recordings");
    let before = ids(&client.get(&path)?);
    let only = endpoint.map(|name| format!("&endpoint={}", url::encode(name)));
    let only = only.unwrap_or_default();
    client.post(&format!("/api/plugins/{name}/record?calls={calls}{only}"))?;
    let end = Instant::now() + wait;
    let new = loop {
        let now = ids(&client.get(&path)?);
        let new: Vec<_> = now.into_iter().filter(|id| !before.contains(id)).collect();
        if new.len() >= calls || Instant::now() >= end {
            break new;
        }
        std::thread::sleep(PAUSE);
    };
    if new.len() < calls {
        client.post(&format!("/api/plugins/{name}/record?calls=0"))?;
    }
    let written = |error: std::io::Error| {
        Failure::new(format!("{} can't be written: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(written)?;
    for id in &new {
        let fixture = client.get(&format!("{path}/{id}"))?;
        let text = serde_json::to_string_pretty(&fixture).unwrap_or_default();
        fs::write(folder.join(format!("{id}.json")), text + "\n").map_err(written)?;
    }
    Ok(json!({ "recorded": new, "wanted": calls, "folder": folder.display().to_string() }))
}

fn ids(answer: &Value) -> Vec<String> {
    let kept = answer["recordings"].as_array().into_iter().flatten();
    kept.filter_map(|one| one["id"].as_str().map(str::to_owned))
        .collect()
}
