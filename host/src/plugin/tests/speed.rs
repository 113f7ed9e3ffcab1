//! What a call costs through the host's path. Prints; asserts nothing: run it with
//! `cargo test --release -p hookcast plugin::tests::speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::support::{Room, context, generation, limited, none, try_load};
use crate::plugin::bindings::hookcast::plugin::types::Call;
use crate::plugin::instance::Instance;
use crate::plugin::{CallContext, Generation, Hook, Isolation, Limits, PluginSettings, Recorder};

/// Calls in a batch, and batches of each kind.
const BATCH: u32 = 1_000;
const BATCHES: usize = 101;

/// Time of one call as the judge makes it.
async fn whole(generation: &Generation, cx: &CallContext, message: &str) -> Duration {
    let mut effects = none();
    let began = Instant::now();
    for _ in 0..BATCH {
        let answer = generation.prepare(cx, message, &mut effects).await;
        answer.expect("ok");
    }
    began.elapsed() / BATCH
}

/// Time of one call without the host's path: one instance, called directly.
async fn raw(instance: &mut Instance, message: &String) -> Duration {
    let prepare = instance.guest.prepare.clone().expect("exported");
    let began = Instant::now();
    for _ in 0..BATCH {
        // Far enough for the batch: the raw call has no deadline.
        instance.store.set_epoch_deadline(1_000_000);
        let call = Call {
            connection: "AAAAAAAAAAAAAAAAAAAAAA",
            user: Some("alice"),
            method: "POST",
            endpoint: "room",
            received_at: 1,
            queued: false,
        };
        let answer = prepare.call_prepare(&mut instance.store, call, message);
        answer.await.expect("no trap").expect("no rejection");
    }
    began.elapsed() / BATCH
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement: prints and asserts nothing"]
async fn cost_of_a_call() {
    let body = "x".repeat(160);
    let message = format!(r#"{{"body":"{body}","topic":"Help","n":1}}"#);
    let bytes = message.len();
    let cx = context(Room::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recorder = Recorder::start(folder.path(), 20).expect("a thread");
    for (guest, isolation) in [
        ("bench", Isolation::Warm),
        ("bench", Isolation::PerCall),
        ("misbehave", Isolation::Warm),
        ("chat-py", Isolation::Warm),
    ] {
        let limits = Limits {
            component: 32 << 20,
            ..Limits::default()
        };
        let settings = PluginSettings {
            isolation,
            ..limited(limits)
        };
        let mut generation = generation(guest, settings).await;
        // As on a server, which always records.
        generation.watch = Some(recorder.watch(guest));
        let mut lease = generation.pool.lend(Hook::Prepare, &cx.endpoint).await;
        let instance = &mut lease.as_mut().expect("an instance").instance;
        let (mut wholes, mut raws) = (Vec::new(), Vec::new());
        // Interleaved, so that a busy machine slows both alike.
        for _ in 0..BATCHES {
            wholes.push(whole(&generation, &cx, &message).await);
            raws.push(raw(instance, &message).await);
        }
        let (whole, raw) = (median(wholes), median(raws));
        println!("{guest} {isolation:?}: {whole:?} a call of {bytes} bytes, {raw:?} raw");
        println!("  loaded (us): {:?}", generation.report().steps);
    }
}

/// Of a script: a call, and an instance with the script run in it.
#[tokio::test]
#[ignore = "a measurement: prints and asserts nothing"]
async fn cost_of_a_script() {
    let body = "x".repeat(160);
    let message = format!(r#"{{"body":"{body}","topic":"Help","n":1}}"#);
    let source = b"export function prepare(call, message) {
        message.body = message.body.trim();
        return message;
    }";
    let cx = context(Room::default());
    let loaded = try_load("script", source.to_vec(), PluginSettings::default()).await;
    let generation = loaded.expect("a script");
    let (mut calls, mut instances) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        calls.push(whole(&generation, &cx, &message).await);
        let began = Instant::now();
        generation
            .pool
            .make(Hook::Prepare)
            .await
            .expect("an instance");
        instances.push(began.elapsed());
    }
    let (call, instance) = (median(calls), median(instances));
    println!(
        "script: {call:?} a call of {} bytes, {instance:?} an instance",
        message.len()
    );
    println!("  loaded (us): {:?}", generation.report().steps);
}
