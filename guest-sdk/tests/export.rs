//! What `export!` makes of a plugin, as far as it can be seen without WebAssembly.

use hookcast_guest::bindings::imports::hookcast::plugin::types;
use hookcast_guest::bindings::{describe, handlers, modify, prepare, self_test};
use hookcast_guest::{
    __private::Exports, Call, Fixture, Handler, Json, Modify, Prepare, Result, SelfTest, Stored,
    export, json, reject, serde,
};

struct Sample;

impl Prepare for Sample {
    type Message = Json;

    fn prepare(call: &Call, mut message: Json) -> Result<Option<Json>> {
        if message["body"] == "" {
            return reject("empty_body", "Write something first.");
        }
        message["method"] = call.method.as_str().into();
        Ok(Some(message))
    }
}

impl Modify for Sample {
    type Message = Json;

    fn modify(_: &Call, mut message: Json, stored: &Stored) -> Result<Option<Json>> {
        let old: Option<Json> = stored.old()?;
        Ok(old.map(|old| {
            message["was"] = old["body"].clone();
            message
        }))
    }
}

#[derive(serde::Deserialize)]
#[serde(crate = "hookcast_guest::serde")]
struct Ping {
    data: u32,
}

impl Handler for Ping {
    const TYPE: &str = "ping";
    const SCHEMA: Option<&str> = Some(r#"{"required":["data"]}"#);
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        Ok(Some(json!({"pong": self.data})))
    }
}

#[derive(serde::Deserialize)]
#[serde(crate = "hookcast_guest::serde")]
struct Quiet {}

impl Handler for Quiet {
    const TYPE: &str = "quiet";
    type Reply = ();

    fn handle(self, _: &Call) -> Result<Option<()>> {
        Ok(None)
    }
}

impl SelfTest for Sample {
    fn fixtures() -> Vec<Fixture> {
        let unchanged = json!({"hook": "close", "expect": "unchanged"});
        vec![unchanged.into(), Fixture::from("{}")]
    }
}

export!(Sample: prepare, modify, handlers(Ping, Quiet), self_test);

fn post() -> Call {
    Call {
        method: "POST".into(),
        ..Call::default()
    }
}

fn handle(message_type: &str, message: &str) -> Result<Option<String>, types::Rejection> {
    <Exports<Sample> as handlers::Guest>::handle(post(), message_type.into(), message.into())
}

#[test]
fn the_description_is_made_from_the_list() {
    let description = <Exports<Sample> as describe::Guest>::describe();
    assert_eq!(description.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(description.hooks, ["prepare", "modify", "handlers"]);
    let [ping, quiet] = description.handlers.as_slice() else {
        panic!("two handlers expected: {:?}", description.handlers);
    };
    assert_eq!(ping.message_type, "ping");
    assert_eq!(ping.schema.as_deref(), Ping::SCHEMA);
    assert_eq!(quiet.message_type, "quiet");
    assert_eq!(quiet.schema, None);
}

#[test]
fn fixtures_are_handed_out_as_they_are() {
    let fixtures = <Exports<Sample> as self_test::Guest>::fixtures();
    assert_eq!(fixtures, [r#"{"hook":"close","expect":"unchanged"}"#, "{}"]);
}

#[test]
fn prepare_changes_and_rejects() {
    let prepare =
        |message: &str| <Exports<Sample> as prepare::Guest>::prepare(post(), message.to_owned());
    let changed = prepare(r#"{"body":"a","x":1}"#).unwrap();
    assert_eq!(
        changed.as_deref(),
        Some(r#"{"body":"a","x":1,"method":"POST"}"#)
    );
    assert_eq!(prepare(r#"{"body":""}"#).unwrap_err().code, "empty_body");
    assert_eq!(prepare("").unwrap_err().code, "invalid_message");
}

#[test]
fn modify_sees_the_old_row() {
    let modify = |old: Option<&str>| {
        let message = r#"{"body":"b"}"#.to_owned();
        <Exports<Sample> as modify::Guest>::modify(post(), message, None, old.map(str::to_owned))
    };
    let changed = modify(Some(r#"{"body":"a"}"#)).unwrap();
    assert_eq!(changed.as_deref(), Some(r#"{"body":"b","was":"a"}"#));
    assert_eq!(modify(None).unwrap(), None);
}

#[test]
fn messages_reach_the_handler_of_their_type() {
    assert_eq!(
        handle("ping", r#"{"data":7}"#).unwrap().as_deref(),
        Some(r#"{"pong":7}"#)
    );
    assert_eq!(handle("quiet", "{}").unwrap(), None);
    assert_eq!(handle("other", "{}").unwrap_err().code, "unknown_type");
    let rejection = handle("ping", "{}").unwrap_err();
    assert_eq!(rejection.code, "invalid_message");
    assert!(
        rejection.message.contains("missing field `data`"),
        "{}",
        rejection.message
    );
}
