//! Hooks and host functions that do what they should.

use serde_json::json as object;

use super::support::{Room, context, generation, granted, json, none, parse};
use crate::plugin::{Grant, Hook, HookError, Isolation, Limits, PluginSettings};

/// Asks `relay` for what its handler of this type answers.
async fn relay(
    message: serde_json::Value,
    room: Room,
    settings: PluginSettings,
) -> Result<serde_json::Value, HookError> {
    let relay = generation("relay", settings).await;
    let kind = message["_type"].as_str().expect("a type").to_owned();
    assert!(relay.handler(&kind).is_some(), "relay handles {kind}");
    let answer = relay
        .handle(&context(room), &kind, &json(&message), &mut none())
        .await?;
    Ok(parse(answer)["result"].clone())
}

#[tokio::test]
async fn a_hook_changes_a_message_and_only_its_active_hooks_run() {
    let bench = generation("bench", PluginSettings::default()).await;
    let cx = context(Room::default());
    let changed = bench
        .prepare(&cx, r#"{"body":"hi"}"#, &mut none())
        .await
        .expect("ok");
    assert_eq!(parse(changed), object!({"body": "hi", "hop": 1}));
    assert_eq!(bench.hooks(), [Hook::Prepare]);
    let passed = bench.modify(&cx, "{}", None, None, &mut none()).await;
    assert_eq!(
        passed,
        Ok(None),
        "a hook that is not active changes nothing"
    );
    let figures = bench.figures();
    let prepare = figures.iter().find(|figures| figures.hook == Hook::Prepare);
    assert_eq!(
        prepare.map(|figures| (figures.calls, figures.rejected)),
        Some((1, 0))
    );
}

#[tokio::test]
async fn a_rejection_reaches_the_sender_as_the_plugin_words_it() {
    let guest = generation("misbehave", granted()).await;
    let cx = context(Room::default());
    let error = guest
        .prepare(&cx, r#"{"do":"reject"}"#, &mut none())
        .await
        .expect_err("rejects");
    let rejection = error.to_rejection();
    assert_eq!(
        (rejection.code.as_ref(), rejection.message.as_str()),
        ("misbehaved", "Rejected on purpose.")
    );
    let figures = guest.figures();
    let prepare = figures
        .iter()
        .find(|figures| figures.hook == Hook::Prepare)
        .expect("figures");
    assert_eq!(
        (prepare.calls, prepare.rejected, prepare.errors.len()),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn context_answers_from_the_surroundings() {
    let room = || Room {
        args: vec![("topic".into(), vec!["Help".into(), "News".into()])],
        ..Room::default()
    };
    for (kind, answer) in [
        ("args", object!({"topic": ["Help", "News"]})),
        ("path", object!({"room": "lobby"})),
        ("headers", object!({"origin": "http://localhost"})),
        ("user", object!({"id": "alice"})),
        ("session", object!(null)),
        ("groups", object!(["red"])),
        ("metadata", object!({"colour": "red"})),
        ("count", object!(1)),
    ] {
        let message = object!({"_type": kind, "group": "red"});
        let got = relay(message, room(), granted()).await;
        assert_eq!(got, Ok(answer), "{kind}");
    }
}

#[tokio::test]
async fn config_answers_from_the_settings() {
    let config = [("words".to_owned(), "spam".to_owned())].into();
    let settings = PluginSettings {
        config,
        ..granted()
    };
    let all = relay(
        object!({"_type": "config"}),
        Room::default(),
        settings.clone(),
    )
    .await;
    assert_eq!(all, Ok(object!({"words": "spam"})));
    let missing = relay(
        object!({"_type": "config", "key": "no"}),
        Room::default(),
        settings,
    )
    .await;
    assert_eq!(missing, Ok(object!(null)));
}

#[tokio::test]
async fn connect_and_open_follow_the_query_string() {
    let settings = PluginSettings {
        grants: vec![Grant::RowsRead],
        ..Default::default()
    };
    let relay = generation("relay", settings).await;
    let arg = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
    let room = Room {
        args: vec![arg("user", "bob"), arg("room", "red")],
        ..Room::default()
    };
    let accepted = relay
        .connect(&context(room), &mut none())
        .await
        .expect("ok")
        .expect("accepted");
    assert_eq!(accepted.user.map(|user| user.id).as_deref(), Some("bob"));
    assert_eq!(accepted.groups, ["red"]);

    let room = Room {
        args: vec![arg("refuse", "403")],
        ..Room::default()
    };
    let refusal = relay
        .connect(&context(room), &mut none())
        .await
        .expect("ok")
        .expect_err("refused");
    assert_eq!(refusal.status, 403);

    // A status that is none: the host can't use it.
    let room = Room {
        args: vec![arg("refuse", "200")],
        ..Room::default()
    };
    let error = relay
        .connect(&context(room), &mut none())
        .await
        .expect_err("not usable");
    assert!(error.to_string().contains("HTTP status 200"), "{error}");
    assert_eq!(error.to_rejection().code, "plugin_failed");

    let args = [crate::plugin::Arg {
        key: "force_topic".into(),
        values: vec!["Help".into()],
    }];
    let args = relay
        .open(&context(Room::default()), &args, &mut none())
        .await
        .expect("ok");
    let args = args.expect("changed");
    assert_eq!(
        (args[0].key.as_str(), args[0].values[0].as_str()),
        ("topic", "Help")
    );
}

#[tokio::test]
async fn instances_are_reused_when_warm_and_replaced_after_their_calls() {
    let limits = Limits {
        calls_per_instance: 3,
        ..Limits::default()
    };
    for (isolation, made) in [(Isolation::Warm, 4), (Isolation::PerCall, 11)] {
        let settings = PluginSettings {
            isolation,
            limits: limits.clone(),
            ..Default::default()
        };
        let bench = generation("bench", settings).await;
        for _ in 0..10 {
            bench
                .prepare(&context(Room::default()), "{}", &mut none())
                .await
                .expect("ok");
        }
        // `describe` runs once for each instance, the one of loading included.
        assert_eq!(bench.figures()[0].hook, Hook::Describe);
        assert_eq!(bench.figures()[0].calls, made, "{isolation:?}");
    }
}

#[tokio::test]
async fn more_calls_than_instances_wait_their_turn() {
    let limits = Limits {
        instances: 2,
        ..Limits::default()
    };
    let bench = generation(
        "bench",
        PluginSettings {
            limits,
            ..Default::default()
        },
    )
    .await;
    let cx = context(Room::default());
    let calls = (0..50).map(|_| {
        let (bench, cx) = (&bench, &cx);
        async move { bench.prepare(cx, "{}", &mut none()).await }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn an_instance_that_was_added_serves_the_next_call() {
    let bench = generation("bench", PluginSettings::default()).await;
    let before = bench.idle();
    bench.add_instance().await.expect("an instance");
    assert_eq!(bench.idle(), before + 1);
    let made = bench.figures()[0].calls;
    let cx = context(Room::default());
    bench.prepare(&cx, "{}", &mut none()).await.expect("ok");
    assert_eq!(bench.figures()[0].calls, made, "it made another one");
    assert_eq!(bench.idle(), before + 1);
}
