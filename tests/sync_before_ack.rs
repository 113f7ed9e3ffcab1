//! Durable before visible: the system calls of the server, in order.

use serde_json::json;

use crate::support::{Setup, eventually, require};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

const ROUNDS: usize = 20;

/// What a line of the trace means here.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Step {
    /// The write-ahead log was written.
    Written,
    /// A sync of it has returned.
    Synced,
    /// The first byte of an acknowledgement is about to leave.
    Acknowledged(usize),
    /// Likewise of a broadcast.
    Broadcast(usize),
}

/// Reads `strace -f -y`: calls that are interrupted by another thread's are in two lines.
fn steps(trace: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut syncing = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.trim().split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        let of_log = call.contains("hookcast.db-wal>");
        if call.starts_with("pwrite64(") && of_log {
            steps.push(Step::Written);
        } else if sync && of_log && call.contains("unfinished") {
            syncing.push(thread.to_owned());
        } else if sync && of_log && call.ends_with("= 0") {
            steps.push(Step::Synced);
        } else if call.starts_with("<... f") && call.contains("sync resumed") {
            if let Some(at) = syncing.iter().position(|known| known == thread) {
                syncing.remove(at);
                assert!(call.ends_with("= 0"), "a sync failed: {line}");
                steps.push(Step::Synced);
            }
        } else if ["write(", "writev(", "sendto(", "sendmsg("]
            .iter()
            .any(|name| call.starts_with(name))
        {
            let number = |before: &str| {
                let (_, rest) = call.split_once(before)?;
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse()
                    .ok()
            };
            steps.extend(number(r#"_msg_id\":\"ack-"#).map(Step::Acknowledged));
            steps.extend(number(r#"\"body\":\"event-"#).map(Step::Broadcast));
        }
    }
    steps
}

/// Every message's write, then its sync, and only then a word of it.
fn check(steps: &[Step]) -> Result<(), String> {
    let (mut written, mut durable) = (false, false);
    let (mut acks, mut broadcasts) = (0, 0);
    for step in steps {
        match *step {
            Step::Written => (written, durable) = (true, false),
            Step::Synced => durable = written,
            Step::Acknowledged(number) | Step::Broadcast(number) => {
                if !durable {
                    return Err(format!("{step:?} left before its transaction was synced"));
                }
                match step {
                    Step::Acknowledged(_) => acks += 1,
                    _ => broadcasts += 1,
                }
                if acks == number + 1 && broadcasts == number + 1 {
                    // What comes next needs a write and a sync of its own.
                    (written, durable) = (false, false);
                }
            }
        }
    }
    match (acks, broadcasts) {
        (ROUNDS, ROUNDS) => Ok(()),
        other => Err(format!("{other:?} of {ROUNDS} rounds were seen")),
    }
}

/// The steps of a server with this durability that stores one message after the other.
async fn trace(durability: &str) -> Vec<Step> {
    let calls = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";
    // -D: the server stays this process's child, strace looks on from the side.
    let strace = [
        "strace", "-D", "-f", "-y", "-q", "-s", "300", "-e", calls, "-o", "trace",
    ];
    let config = format!("{CONFIG}\ndurability = {durability:?}");
    let mut server = Setup::new(&config).wrapper(&strace).start().await;
    let mut reader = server.subscribe("/chat").await;
    let mut writer = server.connect("/chat?body=-").await;
    for number in 0..ROUNDS {
        let id = format!("ack-{number}");
        writer
            .send(json!({"body": format!("event-{number}"), "_msg_id": id}))
            .await;
        // One after the other: each message has a transaction of its own.
        assert!(writer.answer_to(&id).await["_ack"].is_object());
        assert_eq!(reader.recv().await["body"], format!("event-{number}"));
    }
    server.terminate();
    drop((reader, writer));
    server.ended().await;
    let file = server.folder().join("trace");
    let text = eventually("the end of the trace", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.contains("exited with").then_some(text)
    })
    .await;
    steps(&text)
}

#[tokio::test]
async fn nothing_leaves_before_its_transaction_is_synced() {
    let test = "nothing_leaves_before_its_transaction_is_synced";
    if require::program(test, "strace", "-V") {
        let steps = trace("full").await;
        check(&steps).unwrap_or_else(|error| panic!("{error}: {steps:?}"));
    }
}

/// The same look at a server that need not sync: it must not pass.
#[tokio::test]
async fn a_server_that_does_not_sync_is_found_out() {
    let test = "a_server_that_does_not_sync_is_found_out";
    if require::program(test, "strace", "-V") {
        let error = check(&trace("process").await).expect_err("`process` does not sync");
        assert!(
            error.contains("before its transaction was synced"),
            "{error}"
        );
    }
}

#[test]
fn interrupted_calls_count_when_they_return() {
    let lines = |lines: &[&str]| lines.join("\n");
    let write = "10 pwrite64(9</d/hookcast.db-wal>, \"...\", 4096, 32) = 4096";
    let sync = "10 fdatasync(9</d/hookcast.db-wal>) = 0";
    let begun = "10 fdatasync(9</d/hookcast.db-wal> <unfinished ...>";
    let done = "10 <... fdatasync resumed>) = 0";
    let ack = r#"11 writev(12<TCP:[a->b]>, [{iov_base="\201F{\"_ack\":{\"_msg_id\":\"ack-0\",\"po"#;
    let order = [Step::Written, Step::Synced, Step::Acknowledged(0)];
    assert_eq!(steps(&lines(&[write, sync, ack])), order);
    assert_eq!(steps(&lines(&[write, begun, done, ack])), order);
    let early = steps(&lines(&[write, begun, ack, done]));
    assert_eq!(early, [Step::Written, Step::Acknowledged(0), Step::Synced]);
    let other_file = "10 fdatasync(9</d/other>) = 0";
    assert_eq!(steps(other_file), []);
}
