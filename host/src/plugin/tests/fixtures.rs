//! Fixtures run as they say, recordings run again as they went, self-tests keep bad
//! plugins out.

use serde_json::{Value, json};

use super::support::{ENGINE, Room, context, generation, granted, none, try_load};
use crate::plugin::fixture::{Fixture, Given, run, shown_effects};
use crate::plugin::{
    CallContext, Generation, Grant, Hook, Input, Isolation, Output, PluginSettings, Step,
};

/// The differences of a fixture's run from what it expects.
async fn differences(generation: &Generation, fixture: Value) -> Vec<String> {
    let fixture = Fixture::from_value(fixture).expect("a fixture");
    let expect = fixture.expect.clone().expect("it expects something");
    run(generation, &fixture).await.differences(&expect)
}

/// A call on a new instance and its fixture, by way of the fixture's text.
async fn recorded(generation: &Generation, cx: &CallContext, message: &str) -> Fixture {
    let (mut instance, _) = generation
        .pool
        .make(Hook::Prepare)
        .await
        .expect("an instance");
    let input = Input::Prepare {
        message: message.to_owned(),
    };
    let mut effects = none();
    let served = generation.serve(&mut instance, cx, &input, &mut effects, None);
    let outcome = served.await.outcome;
    let given: Given = instance.given();
    let effects = shown_effects(&effects, cx.connection, &*cx.surroundings);
    let effects = outcome.is_ok().then_some(effects);
    let fixture = Fixture::of(generation, cx, input, given, &outcome, effects);
    Fixture::read(&fixture.to_json().to_string()).expect("what was written can be read")
}

fn room() -> CallContext {
    context(Room {
        args: vec![("topic".into(), vec!["Help".into()])],
        rows: vec![
            json!({"body": "one"}).to_string(),
            json!({"body": "two"}).to_string(),
        ],
        ..Room::default()
    })
}

#[tokio::test]
async fn a_fixture_needs_little_and_says_how_it_differs() {
    let generation = generation("misbehave", granted()).await;
    let none: Vec<String> = Vec::new();
    let fine = json!({"hook": "prepare", "message": {}, "expect": "unchanged"});
    assert_eq!(differences(&generation, fine).await, none);
    for (kind, deed) in [
        ("trap", "trap"),
        ("timeout", "loop"),
        ("limit", "memory"),
        ("output", "huge"),
    ] {
        let fails = json!({"hook": "prepare", "message": {"do": deed}, "expect": {"fails": kind}});
        assert_eq!(differences(&generation, fails).await, none, "{kind}");
    }
    let rejects = json!({
        "hook": "prepare", "message": {"do": "reject"},
        "expect": {"reject": {"code": "misbehaved"}, "effects": []},
    });
    assert_eq!(differences(&generation, rejects).await, none);
    let replies = json!({
        "hook": "handlers", "type": "misbehave", "message": {"do": "effects", "count": 2},
        "expect": {"unchanged": true, "effects": [{"reply": {"_effect": 0}}, {"reply": {"_effect": 7}}]},
    });
    assert_eq!(
        differences(&generation, replies).await,
        ["effects[1].reply._effect: expected 7, got 1"]
    );
    let changes = json!({
        "hook": "modify", "message": {"id": "x", "do_modify": "change_id"},
        "expect": {"fails": "output"},
    });
    assert_eq!(
        differences(&generation, changes).await,
        none,
        "what the judge refuses fails here, too"
    );
    let traps = json!({"hook": "prepare", "message": {"do": "trap"}, "expect": "unchanged"});
    let [line] = &*differences(&generation, traps).await else {
        panic!("one difference");
    };
    assert!(
        line.starts_with("expected unchanged, got: plugin `misbehave`"),
        "{line}"
    );
}

#[tokio::test]
async fn messages_are_compared_key_by_key() {
    let generation = generation("versioned-a", granted()).await;
    let other = json!({
        "hook": "prepare", "message": {"body": "x"},
        "expect": {"message": {"body": "y", "more": 1}},
    });
    assert_eq!(
        differences(&generation, other).await,
        [
            "message.body: expected \"y\", got \"x\"",
            "message.more: expected 1, got no such key",
            "message.p: expected no such key, got \"a\"",
        ]
    );
}

#[tokio::test]
async fn what_a_call_is_given_is_the_fixtures() {
    let generation = generation("fickle", granted()).await;
    let fixture = json!({
        "hook": "prepare", "message": {"a": 1},
        "clock": {"now": "2026-03-01T00:00:00Z"},
        "args": {"topic": "Help"},
        "rows": [{"body": "one"}, {"body": "two"}],
        "members": {"red": ["AAAAAAAAAAAAAAAAAAAAAA"]},
    });
    let fixture = Fixture::from_value(fixture).expect("a fixture");
    let ran = run(&generation, &fixture).await;
    let seen = &ran.effects[0]["reply"]["_seen"];
    assert_eq!(seen["time"], 1_772_323_200_000_000_000_u64, "{seen}");
    assert_eq!(
        seen["passed"], 1_000_000,
        "the fake clock goes on by itself"
    );
    assert_eq!(
        (
            &seen["args"],
            &seen["rows"],
            &seen["first"],
            &seen["members"]
        ),
        (
            &json!(["topic"]),
            &json!(2),
            &json!({"body": "one"}),
            &json!(1)
        )
    );
    assert_eq!(
        ran.effects[1],
        json!({"insert": {"body": "from fickle", "id": "row-1"}})
    );
    let again = run(&generation, &fixture).await;
    assert_eq!(again.effects, ran.effects, "random numbers included");
}

#[tokio::test]
async fn a_recorded_call_goes_the_same_way_again() {
    let generation = generation("fickle", granted()).await;
    let cx = room();
    let fixture = recorded(&generation, &cx, r#"{"body":"x"}"#).await;
    let expect = fixture.expect.clone().expect("what happened");
    assert_eq!(expect.effects.as_ref().map(Vec::len), Some(2));
    let ran = run(&generation, &fixture).await;
    assert_eq!(ran.differences(&expect), Vec::<String>::new());
    let other = recorded(&generation, &cx, r#"{"body":"x"}"#).await;
    assert_ne!(
        other.expect, fixture.expect,
        "live calls differ from one another"
    );
}

#[tokio::test]
async fn a_recorded_trap_happens_again_at_the_same_place() {
    let generation = generation("fickle", granted()).await;
    let mut depths = Vec::new();
    for _ in 0..5 {
        let fixture = recorded(&generation, &room(), r#"{"do":"trap"}"#).await;
        let recorded = fixture.recorded.clone().expect("where it is from");
        let ran = run(&generation, &fixture).await;
        let expect = fixture.expect.clone().expect("what happened");
        assert_eq!(ran.differences(&expect), Vec::<String>::new());
        let error = ran.outcome.as_ref().expect_err("a trap").to_string();
        assert!(
            error.contains("saw {"),
            "the panic says what it saw: {error}"
        );
        assert_eq!(
            Some(&error),
            recorded.error.as_ref(),
            "what it saw included"
        );
        assert_eq!(ran.backtrace(), recorded.backtrace.as_deref());
        let backtrace = ran.backtrace().unwrap_or_default();
        depths.push(backtrace.matches("descend").count());
    }
    assert!(
        depths.iter().any(|depth| *depth != depths[0]) || depths[0] > 0,
        "{depths:?}"
    );
}

#[tokio::test]
async fn making_the_instance_is_part_of_the_recording() {
    let per_call = PluginSettings {
        isolation: Isolation::PerCall,
        ..granted()
    };
    let generation = generation("fickle", per_call).await;
    let fixture = recorded(&generation, &room(), "{}").await;
    let mut other = fixture.clone();
    other.made_with.seed = Some(crate::plugin::tape::Seed([7; 32]));
    let expect = fixture.expect.clone().expect("what happened");
    let differences = run(&generation, &other).await.differences(&expect);
    assert!(
        differences.iter().any(|line| line.contains("order")),
        "hash maps are seeded by it: {differences:?}"
    );
}

#[test]
fn misspelt_fixtures_say_what_was_meant() {
    for (fixture, says) in [
        (json!([]), "a fixture must be a JSON object"),
        (
            json!({"hok": "prepare"}),
            "unknown key `hok`: did you mean `hook`?",
        ),
        (json!({"message": {}}), "`hook` is missing"),
        (
            json!({"hook": "describe"}),
            "`hook`: must be one of connect, open",
        ),
        (
            json!({"hook": "prepare"}),
            "`message` is missing: the hook `prepare` needs it",
        ),
        (
            json!({"hook": "handlers", "message": {}}),
            "`type` is missing",
        ),
        (
            json!({"hook": "prepare", "message": 1}),
            "`message`: must be an object",
        ),
        (
            json!({"hook": "connect", "call": {"methd": ""}}),
            "unknown key `call.methd`: did you mean `call.method`?",
        ),
        (
            json!({"hook": "connect", "call": {"queued": 1}}),
            "`call.queued`: invalid type",
        ),
        (
            json!({"hook": "connect", "grants": ["all"]}),
            "`grants`: `all` is none of rows:read",
        ),
        (
            json!({"hook": "connect", "seed": "12"}),
            "`seed`: must be 64",
        ),
        (
            json!({"hook": "connect", "clock": {"now": "noon"}}),
            "`clock.now`: must be a time",
        ),
        (
            json!({"hook": "connect", "expect": {"fails": "never"}}),
            "`expect.fails`: must be one of trap",
        ),
        (
            json!({"hook": "connect", "expect": {"reject": {"kode": 1}}}),
            "unknown key `expect.reject.kode`: did you mean `expect.reject.code`?",
        ),
        (
            json!({"hook": "connect", "expect": {"unchanged": true, "fails": "trap"}}),
            "a call has one outcome",
        ),
    ] {
        let error = Fixture::from_value(fixture).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_fixture_is_written_as_it_was_read() {
    let text = json!({
        "name": "all of it", "hook": "modify",
        "call": {
            "connection": "AAAAAAAAAAAAAAAAAAAAAQ", "user": "alice", "method": "PUT",
            "endpoint": "chat", "received_at": "2026-01-02T03:04:05.000006Z", "queued": true,
        },
        "message": "{ \"a\": 1 }", "row": {"id": "1"}, "old": {"id": "1"},
        "args": {"topic": ["Help", "News"]}, "path_parameters": {"room": "lobby"},
        "headers": {"origin": "x"}, "user": {"id": "alice"}, "session": {"s": 1},
        "groups": ["red"], "metadata": [1], "members": {"red": ["AAAAAAAAAAAAAAAAAAAAAQ"]},
        "rows": [{"id": "1"}],
        "answers": [
            {"name": "rows.select", "answer": ["{}"]},
            {"name": "kv.get", "error": {"code": "denied", "message": "no"}},
        ],
        "clock": {"wall": [1, 2], "monotonic": [3]}, "seed": "01".repeat(32),
        "instance": {"seed": "02".repeat(32), "clock": {"wall": [4]}, "served": 3},
        "cut": true,
        "expect": {"reject": {"code": "no"}, "effects": [], "backtrace_contains": "x"},
        "recorded": {
            "time": "2026-01-02T03:04:05Z", "plugin": "p", "version": "1", "generation": 2,
            "digest": "d", "message": "m", "error": "e", "backtrace": "b",
        },
        "config": {"words": "a"}, "grants": ["rows:read"],
    });
    let fixture = Fixture::from_value(text.clone()).expect("a fixture");
    assert_eq!(fixture.to_json(), text);
}

async fn self_tested(fixtures: &str) -> Result<Generation, crate::plugin::LoadError> {
    let config = [("fixtures".to_owned(), fixtures.to_owned())];
    let settings = PluginSettings {
        config: config.into(),
        ..granted()
    };
    let bytes = super::support::guest("self-tested");
    try_load("self-tested", bytes, settings).await
}

#[tokio::test]
async fn a_plugin_that_passes_its_own_tests_loads() {
    let generation = self_tested("").await.expect("it passes");
    let steps: Vec<_> = generation
        .report()
        .steps
        .iter()
        .map(|(step, _)| *step)
        .collect();
    assert_eq!(steps.last(), Some(&Step::SelfTest));
    assert_eq!(Step::SelfTest.to_string(), "self-test");
    assert!(generation.hooks() == [Hook::Prepare], "it is no hook");
    let calls = generation.figures();
    let prepare = calls.iter().find(|figures| figures.hook == Hook::Prepare);
    assert_eq!(
        prepare.map(|figures| figures.calls),
        Some(0),
        "tests are not counted"
    );
}

#[tokio::test]
async fn a_plugin_that_fails_its_own_tests_does_not_load() {
    let _ = &*ENGINE;
    for (fixtures, says) in [
        (
            "wrong",
            "self-test `lower` (hook `prepare`) fails: message.body: expected \"b\", got \"B\"",
        ),
        (
            "misspelt",
            "fixture 4 of `self-test` can't be read: unknown key `mesage`: did you mean `message`?",
        ),
        ("trap", "`self-test` gives no fixtures"),
    ] {
        let error = self_tested(fixtures).await.expect_err(fixtures);
        assert_eq!(error.step, Step::SelfTest);
        assert!(error.problem.contains(says), "{error}");
    }
}

async fn counter() -> Generation {
    let settings = PluginSettings {
        grants: vec![Grant::Kv],
        ..PluginSettings::default()
    };
    generation("counter", settings).await
}

#[tokio::test]
async fn keys_are_read_from_the_answers_and_their_writes_are_effects() {
    let operations = json!([
        {"op": "get", "key": "k"},
        {"op": "get", "key": "gone"},
        {"op": "set", "key": "k", "value": "7"},
        {"op": "get", "key": "k"},
        {"op": "set_for", "key": "later", "value": "x", "ms": 60_000},
        {"op": "add", "key": "n", "delta": 2},
        {"op": "delete", "key": "old"},
    ]);
    let fixture = json!({
        "hook": "prepare", "message": {"prepare": operations},
        "answers": [
            {"name": "kv.get", "answer": {"bytes": "5", "version": 3}},
            {"name": "kv.get", "answer": null},
        ],
        "expect": {"effects": [
            {"kv_set": "k", "value": "7", "bucket": "main"},
            {"kv_set": "later", "value": "x", "bucket": "main", "expires": true},
            {"kv_add": "n", "delta": 2, "bucket": "main"},
            {"kv_delete": "old", "bucket": "main"},
        ]},
    });
    let fixture = Fixture::from_value(fixture).expect("a fixture");
    let expect = fixture.expect.clone().expect("it expects something");
    let ran = run(&counter().await, &fixture).await;
    let differences = ran.differences(&expect);
    assert!(differences.is_empty(), "{differences:?}");
    let Ok(Output::Message(Some(text))) = ran.outcome else {
        panic!("a message: {:?}", ran.outcome);
    };
    let message: Value = serde_json::from_str(&text).expect("JSON");
    let results = &message["prepared"];
    assert_eq!(
        (&results[0], &results[1], &results[3]),
        (&json!("5"), &json!(null), &json!("7")),
        "{results}"
    );
}

#[tokio::test]
async fn what_a_call_read_of_keys_is_recorded() {
    let generation = counter().await;
    let operations = json!([
        {"op": "get", "key": "k"},
        {"op": "increment", "key": "n", "delta": 1},
        {"op": "keys"},
    ]);
    let message = json!({"prepare": operations}).to_string();
    let fixture = recorded(&generation, &room(), &message).await;
    let asked: Vec<_> = fixture.notes.answers.iter().map(|one| &*one.name).collect();
    assert_eq!(asked, ["kv.get", "kv.get", "kv.used", "kv.keys"]);
    assert!(!fixture.notes.cut);
    let expect = fixture.expect.clone().expect("a recording expects");
    let written = json!([{"kv_set": "n", "value": "1", "bucket": "main"}]);
    assert_eq!(json!(expect.effects), written);
    let differences = run(&generation, &fixture).await.differences(&expect);
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn calls_that_are_not_meant_send_no_requests_and_say_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound");
    let settings = PluginSettings {
        grants: vec![Grant::parse(&format!("http:{address}")).expect("a grant")],
        ..PluginSettings::default()
    };
    let generation = generation("caller", settings).await;
    let message = json!({"fetch": format!("http://{address}/")});
    let fixture = json!({"hook": "prepare", "message": message, "expect": "unchanged"});
    let [line] = &*differences(&generation, fixture).await else {
        panic!("one difference");
    };
    assert!(line.contains("it sends HTTP requests"), "{line}");

    let mut effects = none();
    let twin = generation.twin();
    let (cx, message) = (room(), message.to_string());
    let call = twin.prepare(&cx, &message, &mut effects);
    let error = call.await.expect_err("no answer");
    assert!(
        error.to_string().contains("it sends HTTP requests"),
        "{error}"
    );
    assert!(effects.is_empty());
    let reached = listener.accept().expect_err("nobody has called");
    assert_eq!(reached.kind(), std::io::ErrorKind::WouldBlock);
}
