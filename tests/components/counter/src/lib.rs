//! Does with key-value storage what messages say, in each hook.

mod door;
mod operation;

use hookcast_guest::{
    Call, Handler, Json, Modify, Prepare, Rejection, Result, Stored, export, json, reject,
};

use operation::Operation;

struct Counter;

export!(Counter: connect, open, prepare, modify, close, handlers(Kv));

/// `{"_type": "kv", "do": [OPERATION, …]}` is answered with the results. `tag` comes back.
#[derive(serde::Deserialize)]
struct Kv {
    #[serde(rename = "do")]
    operations: Vec<Operation>,
    #[serde(default)]
    tag: Json,
}

impl Handler for Kv {
    const TYPE: &str = "kv";
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        let results = operation::run_all(self.operations)?;
        Ok(Some(
            json!({"_type": "kv", "result": results, "tag": self.tag}),
        ))
    }
}

impl Prepare for Counter {
    type Message = Json;

    /// Operations under `prepare`; the results are broadcast as `prepared`.
    fn prepare(_: &Call, message: Json) -> Result<Option<Json>> {
        in_hook(message, "prepare", "prepared")
    }
}

impl Modify for Counter {
    type Message = Json;

    /// Operations under `modify`; the results are broadcast as `modified`. `veto` rejects
    /// afterwards.
    fn modify(_: &Call, message: Json, _: &Stored) -> Result<Option<Json>> {
        let veto = message.get("veto").is_some();
        let done = in_hook(message, "modify", "modified")?;
        if veto {
            return reject("veto", "Not today.");
        }
        Ok(done)
    }
}

fn in_hook(mut message: Json, key: &str, results: &str) -> Result<Option<Json>> {
    let Some(operations) = message.get_mut(key).map(Json::take) else {
        return Ok(None);
    };
    let operations = hookcast_guest::serde_json::from_value(operations)?;
    message[results] = operation::run_all(operations)?.into();
    Ok(Some(message))
}

/// By default a plugin's sender doesn't learn what the host refused: here it must.
fn show(error: hookcast_guest::HostError) -> Rejection {
    Rejection::new(error.code, error.message)
}
