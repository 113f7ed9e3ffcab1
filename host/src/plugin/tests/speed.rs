//! What a call costs through the host's path. Prints; asserts nothing: run it with
//! `cargo test --release -p hookcast plugin::tests::speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::support::{Room, context, generation, granted, none};
use crate::plugin::bindings::hookcast::plugin::types::Call;
use crate::plugin::{Generation, Hook, Isolation, PluginSettings};

/// Median time of one call over batches of calls.
async fn median(batch: u32, generation: &Generation, message: &str) -> Duration {
    let cx = context(Room::default());
    let mut effects = none();
    let mut batches = Vec::new();
    for _ in 0..41 {
        let began = Instant::now();
        for _ in 0..batch {
            generation
                .prepare(&cx, message, &mut effects)
                .await
                .expect("ok");
        }
        batches.push(began.elapsed() / batch);
    }
    batches.sort();
    batches[batches.len() / 2]
}

/// The same without the host's path: one instance, called directly.
async fn raw(batch: u32, generation: &Generation, message: &str) -> Duration {
    let mut lease = generation
        .pool
        .lend(Hook::Prepare)
        .await
        .expect("an instance");
    let instance = &mut lease.instance;
    let prepare = instance.guest.prepare.clone().expect("exported");
    let message = message.to_owned();
    let mut batches = Vec::new();
    for _ in 0..41 {
        let began = Instant::now();
        for _ in 0..batch {
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
            let answer = prepare
                .call_prepare(&mut instance.store, call, &message)
                .await;
            answer.expect("no trap").expect("no rejection");
        }
        batches.push(began.elapsed() / batch);
    }
    batches.sort();
    batches[batches.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement: prints and asserts nothing"]
async fn cost_of_a_call() {
    let body = "x".repeat(160);
    let message = format!(r#"{{"body":"{body}","topic":"Help","n":1}}"#);
    for (guest, isolation) in [
        ("bench", Isolation::Warm),
        ("bench", Isolation::PerCall),
        ("misbehave", Isolation::Warm),
    ] {
        let settings = PluginSettings {
            isolation,
            ..granted()
        };
        let generation = generation(guest, settings).await;
        let cost = median(2_000, &generation, &message).await;
        let raw = raw(2_000, &generation, &message).await;
        let bytes = message.len();
        println!(
            "{guest} {isolation:?}: {cost:?} a call of {bytes} bytes, {raw:?} without the host"
        );
        let steps = &generation.report().steps;
        println!("  loaded: {steps:?} (us)");
    }
}
