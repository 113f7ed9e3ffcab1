//! Checks itself by fixtures. Its config decides whether one of them fails (`wrong`),
//! can't be read (`misspelt`), or whether making them traps (`trap`).

use hookcast_guest::{
    Call, Fixture, Json, Prepare, Result, SelfTest, config, export, json, messaging, reject,
};

struct SelfTested;

export!(SelfTested: prepare, self_test);

impl Prepare for SelfTested {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        if message["body"] == "" {
            return reject("empty", "Write something.");
        }
        if message["body"] == "trap" {
            panic!("told to");
        }
        messaging::reply(json!({"got": message["body"]}))?;
        message["body"] = json!(message["body"].as_str().map(str::to_uppercase));
        Ok(Some(message))
    }
}

impl SelfTest for SelfTested {
    fn fixtures() -> Vec<Fixture> {
        let upper = json!({
            "name": "bodies become upper case",
            "hook": "prepare",
            "message": {"body": "a"},
            "expect": {"message": {"body": "A"}, "effects": [{"reply": {"got": "a"}}]},
        });
        let empty = json!({
            "name": "empty bodies are rejected",
            "hook": "prepare",
            "message": {"body": ""},
            "expect": {"reject": {"code": "empty"}},
        });
        let traps = r#"{
            "name": "traps are seen",
            "hook": "prepare",
            "message": {"body": "trap"},
            "expect": {"fails": "trap", "backtrace_contains": "prepare"}
        }"#;
        let mut fixtures = vec![upper.into(), empty.into(), traps.into()];
        match config::get("fixtures").ok().flatten().as_deref() {
            Some("wrong") => fixtures.push(
                r#"{"name": "lower", "hook": "prepare", "message": {"body": "b"},
                    "expect": {"message": {"body": "b"}}}"#
                    .into(),
            ),
            Some("misspelt") => fixtures.push(r#"{"hook": "prepare", "mesage": {}}"#.into()),
            Some("trap") => panic!("no fixtures today"),
            _ => {}
        }
        fixtures
    }
}
