//! Delivery under random use: connects, lag, cuts, resumes. No gap, no duplicate, one
//! order; and where the log can't tell, a plain reset.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};

mod subscriber;

use crate::support::{Setup, TestClient, TestServer};
use subscriber::{Subscriber, id};

/// Small buffers, so that a few messages already make a cursor, and one that needs the
/// database.
const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    buffer = "1 KiB"
    ring = "64 KiB"
    message_limit = "32 KiB"
"#;

const SUBSCRIBERS: usize = 4;
/// Topics that subscribers filter for; the last subscribers see everything.
const TOPICS: [Option<&str>; SUBSCRIBERS] = [Some("a"), Some("b"), None, None];

#[derive(Debug, Clone)]
enum Action {
    /// `size` bytes of body (none would be stored as NULL), under topic `a` or `b`.
    Post {
        size: usize,
        topic: bool,
    },
    /// Many small ones at once: one commit group.
    Burst {
        count: usize,
    },
    /// Moves a row to the other topic.
    Put {
        row: prop::sample::Index,
    },
    Delete {
        row: prop::sample::Index,
    },
    /// The subscriber reads some frames.
    Read {
        subscriber: usize,
        frames: usize,
    },
    /// It goes, perhaps in the middle of something, and resumes.
    Reconnect {
        subscriber: usize,
    },
    /// Retention cuts the log, all but the newest entries.
    Cut {
        keep: u64,
    },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1_usize..20_000, any::<bool>()).prop_map(|(size, topic)| Action::Post { size, topic }),
        3 => (1_usize..60).prop_map(|count| Action::Burst { count }),
        3 => any::<prop::sample::Index>().prop_map(|row| Action::Put { row }),
        2 => any::<prop::sample::Index>().prop_map(|row| Action::Delete { row }),
        4 => (0..SUBSCRIBERS, 1_usize..40).prop_map(|(subscriber, frames)| Action::Read { subscriber, frames }),
        3 => (0..SUBSCRIBERS).prop_map(|subscriber| Action::Reconnect { subscriber }),
        1 => (1_u64..30).prop_map(|keep| Action::Cut { keep }),
    ]
}

struct World {
    writer: TestClient,
    subscribers: Vec<Subscriber>,
    /// Rows as the writer knows them: id and topic.
    rows: Vec<(String, &'static str)>,
    /// Frames that a subscriber has yet to get, at least.
    owed: [usize; SUBSCRIBERS],
}

impl World {
    async fn act(&mut self, server: &TestServer, action: Action) {
        match action {
            Action::Post { size, topic } => {
                let topic = if topic { "a" } else { "b" };
                self.post(&"x".repeat(size), topic).await;
            }
            Action::Burst { count } => self.burst(count).await,
            Action::Put { row } => self.put(row).await,
            Action::Delete { row } => self.delete(row).await,
            Action::Read { subscriber, frames } => {
                let reads = frames.min(self.owed[subscriber]);
                for _ in 0..reads {
                    let resets = self.subscribers[subscriber].resets;
                    self.subscribers[subscriber].read().await;
                    self.owed[subscriber] -= 1;
                    if self.subscribers[subscriber].resets > resets {
                        // History replaces what was owed.
                        while self.subscribers[subscriber].in_history {
                            self.subscribers[subscriber].read().await;
                        }
                        self.owed[subscriber] = 0;
                        break;
                    }
                }
            }
            Action::Reconnect { subscriber } => {
                self.subscribers[subscriber].reconnect(server).await;
                // What the log no longer has is not owed any more: count anew at the end.
                self.owed[subscriber] = 0;
            }
            Action::Cut { keep } => cut(server, keep),
        }
    }

    fn owe(&mut self, topics: &[&str]) {
        for (owed, topic) in self.owed.iter_mut().zip(TOPICS) {
            if topic.is_none_or(|topic| topics.contains(&topic)) {
                *owed += 1;
            }
        }
    }

    async fn post(&mut self, body: &str, topic: &'static str) {
        self.writer
            .acked(json!({"body": body, "topic": topic}))
            .await;
        let event = self.writer.recv().await;
        self.rows.push((id(&event), topic));
        self.owe(&[topic]);
    }

    async fn burst(&mut self, count: usize) {
        for _ in 0..count {
            self.writer
                .send(json!({"body": "burst", "topic": "a"}))
                .await;
        }
        for _ in 0..count {
            let event = self.writer.recv().await;
            self.rows.push((id(&event), "a"));
            self.owe(&["a"]);
        }
    }

    async fn put(&mut self, row: prop::sample::Index) {
        if self.rows.is_empty() {
            return;
        }
        let at = row.index(self.rows.len());
        let (id, topic) = &mut self.rows[at];
        let to = if *topic == "a" { "b" } else { "a" };
        *topic = to;
        let body = format!("moved to {to}");
        self.writer
            .acked(json!({"_method": "PUT", "id": id, "topic": to, "body": body}))
            .await;
        self.writer.recv().await;
        self.owe(&["a", "b"]);
    }

    async fn delete(&mut self, row: prop::sample::Index) {
        if self.rows.is_empty() {
            return;
        }
        let (id, topic) = self.rows.swap_remove(row.index(self.rows.len()));
        self.writer
            .acked(json!({"_method": "DELETE", "id": id}))
            .await;
        self.writer.recv().await;
        self.owe(&[topic]);
    }
}

/// What retention does, at a moment of our choice.
fn cut(server: &TestServer, keep: u64) {
    let database = server.database();
    database
        .busy_timeout(std::time::Duration::from_secs(10))
        .expect("a timeout");
    let sql = "DELETE FROM hookcast_log WHERE offset <= (SELECT max(offset) FROM hookcast_log) - ?";
    database.execute(sql, [keep as i64]).expect("a cut");
}

async fn case(server: &TestServer, actions: Vec<Action>) {
    let mut subscribers = Vec::new();
    for topic in TOPICS {
        subscribers.push(Subscriber::new(server, topic).await);
    }
    let mut writer = server.connect("/chat?_after=").await;
    let (rows, _) = writer.history().await;
    // Begin with an empty table; the log goes on.
    for row in rows {
        writer
            .acked(json!({"_method": "DELETE", "id": row["id"]}))
            .await;
        writer.recv().await;
    }
    let mut world = World {
        writer,
        subscribers,
        rows: Vec::new(),
        owed: [0; SUBSCRIBERS],
    };
    for action in actions {
        world.act(server, action).await;
    }
    // Everyone sees the end, whatever happened before, and then has what the table has.
    for topic in ["a", "b"] {
        world.post("the end", topic).await;
    }
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    for subscriber in &mut world.subscribers {
        subscriber.read_until("the end").await;
        let last = if subscriber.topic.is_none() { 2 } else { 1 };
        let ends = |subscriber: &Subscriber| {
            subscriber
                .rows
                .values()
                .filter(|row| row["body"] == "the end")
                .count()
        };
        while ends(subscriber) < last {
            subscriber.read().await;
        }
        let expected: BTreeMap<_, _> = rows
            .iter()
            .filter(|row| subscriber.topic.is_none_or(|topic| row["topic"] == topic))
            .map(|row| (id(row), row["body"].clone()))
            .collect();
        let seen: BTreeMap<_, _> = subscriber
            .rows
            .iter()
            .map(|(id, row)| (id.clone(), row["body"].clone()))
            .collect();
        let ids = |rows: &BTreeMap<String, Value>| rows.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            ids(&seen),
            ids(&expected),
            "rows of the subscriber of {:?}",
            subscriber.topic
        );
        assert!(
            seen == expected,
            "bodies of the subscriber of {:?}",
            subscriber.topic
        );
    }
}

#[test]
fn random_use_loses_repeats_and_reorders_nothing() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Setup::new(CONFIG).start());
    // A long run by hand: PROPTEST_CASES=1000.
    let cases = std::env::var("PROPTEST_CASES").ok();
    let config = Config {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(60),
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    };
    let strategy = prop::collection::vec(action(), 5..60);
    let result = TestRunner::new(config).run(&strategy, |actions| {
        let case = std::panic::AssertUnwindSafe(|| runtime.block_on(case(&server, actions)));
        std::panic::catch_unwind(case).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(text.unwrap_or_else(|| "a panic".to_owned()))
        })
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // Nothing is proved about what did not happen.
    let (cursors, resets) = runtime.block_on(async {
        let cursors = server.metric("hookcast_slow_consumers_total", &[]).await;
        (cursors, server.metric("hookcast_resets_total", &[]).await)
    });
    println!("{cursors} subscribers fell behind, {resets} were reset");
    assert!(
        cursors > 10.0 && resets > 0.0,
        "{cursors} fell behind, {resets} were reset"
    );
}
