//! What each attack goes through: an endpoint whose plugin attacks, a neighbour on the
//! same server and database who must not notice, and what is looked at afterwards.

use serde_json::{Value, json};

use crate::support::processes::status;
use crate::support::{Setup, TestClient, TestServer, eventually};

/// Attacks before memory is looked at, and in all.
const WARM_UP: usize = 3;
const TIMES: usize = 8;
/// KiB that the server may grow by meanwhile: two instances' memory. A leak of what an
/// attack takes would be several times as much.
const GROWTH: u64 = 64 << 10;

/// Calls that an instance has had before it attacks. The next has fewer: the one that
/// counts, and what `connect`, `open` and `close` of the attack's own connection make.
const CALLS: u64 = 5;

/// Messages that the neighbour sends during each attack.
const NEIGHBOURS: u64 = 5;

/// One instance at a time, or a call counter would not tell which one was discarded.
const CONFIG: &str = r#"
    [plugins.guest]
    grants = ["rows:write"]
    limits = { LIMITS log_rate = 50, instances = 1 }
    [endpoints.bad]
    path = "/bad"
    columns.body = "TEXT"
    plugins = ["guest"]
    [endpoints.good]
    path = "/good"
    columns.body = "TEXT"
"#;

/// Limits for attacks that run until they are ended, and for those that must not end for
/// the time that they take on a loaded machine.
pub const SHORT: &str = r#"hook = "50ms", wall = "5s", init = "1s","#;
pub const LONG: &str = r#"hook = "2s", wall = "5s", init = "2s","#;
/// For attacks that wait.
pub const WAITING: &str = r#"hook = "400ms", wall = "500ms", init = "400ms","#;

/// How a guest is told to attack.
#[derive(Debug, Clone)]
pub enum Way {
    Message(Value),
    /// These have the path that is connected to.
    Connect(String),
    Open(String),
    Close(String),
}

impl Way {
    /// A deed of the guest `intruder` in a hook.
    pub fn deed(hook: &str, deed: &str) -> Self {
        let path = format!("/bad?_at_{hook}={deed}");
        match hook {
            "connect" => Self::Connect(path),
            "open" => Self::Open(path),
            "close" => Self::Close(path),
            "handlers" => Self::Message(json!({"_type": "misbehave", "do": deed})),
            _ => {
                let mut message = json!({"body": "never"});
                message[format!("do_{hook}")] = deed.into();
                Self::Message(message)
            }
        }
    }

    /// What makes the guests in `tests/components/raw` attack when a handler is called.
    pub fn raw() -> Self {
        Self::Message(json!({"_type": "calls", "body": "x".repeat(2_000)}))
    }

    /// The same when a client subscribes.
    pub fn raw_open() -> Self {
        Self::Open("/bad?_one=1&_two=2".to_owned())
    }
}

pub struct Stage {
    pub server: TestServer,
    /// Sends what makes the guest attack.
    pub attacker: TestClient,
    /// On the other endpoint.
    neighbour: TestClient,
    /// Messages that the neighbour has sent.
    sent: u64,
}

impl Stage {
    pub async fn new(guest: &str, limits: &str) -> Self {
        let config = CONFIG.replace("LIMITS", limits);
        Self::with(Setup::new(&config).guest_as(guest, "guest")).await
    }

    /// With a config of its own, which has the endpoints `bad` and `good`.
    pub async fn with(setup: Setup) -> Self {
        let server = setup.start().await;
        let neighbour = server.subscribe("/good").await;
        Self {
            attacker: server.subscribe("/bad").await,
            neighbour,
            server,
            sent: 0,
        }
    }

    /// Attacks again and again: each time the sender gets an error with this code, the
    /// neighbour is served, the instance is gone and the next works; and the server does
    /// not grow.
    pub async fn endures(&mut self, way: &Way, code: &str) {
        let mut before = 0;
        for time in 0..TIMES {
            if time == WARM_UP {
                before = self.memory();
            }
            self.warm_up(way).await;
            self.attack(way, code).await;
            let new = self.calls().await;
            assert!(new < CALLS, "{way:?}: the instance has had {new} calls");
        }
        let after = self.memory();
        assert!(
            after < before + GROWTH,
            "{way:?}: grew from {before} to {after} KiB"
        );
    }

    /// Attacks once.
    pub async fn attack(&mut self, way: &Way, code: &str) {
        let told = match way {
            Way::Message(message) => {
                let mut message = message.clone();
                message["_msg_id"] = "attack".into();
                self.attacker.send(message).await;
                self.neighbour_is_served().await;
                self.attacker.answer_to("attack").await["_error"].take()
            }
            Way::Connect(path) => {
                let (server, neighbour) = (&self.server, &mut self.neighbour);
                let (refused, ()) =
                    tokio::join!(server.refused(path, &[]), served(neighbour, &mut self.sent));
                let (status, body) = refused;
                assert_eq!(status, 503, "{way:?}: {body}");
                body
            }
            Way::Open(path) => {
                let mut client = self.server.connect(path).await;
                self.neighbour_is_served().await;
                let (_, mut error) = client.recv_until(|frame| frame["_error"].is_object()).await;
                assert_eq!(client.closed().await.0, 4503, "{way:?}");
                error["_error"].take()
            }
            Way::Close(path) => return self.attack_at_close(path).await,
        };
        assert_eq!(told["code"], code, "{way:?}: {told}");
        let text = told.to_string();
        for word in ["wasm", "guest", "backtrace", "src/"] {
            assert!(!text.contains(word), "{way:?}: internals in {text}");
        }
    }

    /// Nobody is left to be told: what is counted says when it is over.
    async fn attack_at_close(&mut self, path: &str) {
        let words = ["\"guest\"", "close"];
        let metric = "hookcast_hook_errors_total";
        let before = self.server.metric(metric, &words).await;
        self.server.connect(path).await.close().await;
        self.neighbour_is_served().await;
        eventually("the close hook to be ended", async || {
            (self.server.metric(metric, &words).await > before).then_some(())
        })
        .await;
    }

    pub async fn neighbour_is_served(&mut self) {
        served(&mut self.neighbour, &mut self.sent).await;
    }

    /// Calls until an instance has had so many that a fresh one is told apart. The last
    /// attack's may still be on its way, and take one.
    async fn warm_up(&mut self, way: &Way) {
        for _ in 0..CALLS * 20 {
            if self.calls().await >= CALLS {
                return;
            }
        }
        panic!("{way:?}: no instance is kept");
    }

    /// Calls that the instance which answers has had, this one included.
    pub async fn calls(&mut self) -> u64 {
        self.attacker.send(json!({"_type": "calls"})).await;
        let answers = |frame: &Value| frame.get("calls").is_some();
        let (_, answer) = self.attacker.recv_until(answers).await;
        answer["calls"].as_u64().expect("a number")
    }

    /// A line of the log says what happened where: plugin, version, generation and hook.
    pub async fn logged(&self, hook: &str, words: &[&str]) -> String {
        let shown = self.server.api("GET", "/api/plugins/guest").await.ok();
        let version = shown["version"].as_str().expect("a version");
        let generation = format!("generation {}", shown["generation"]);
        let place = ["plugin `guest`", version, &generation, hook];
        self.server.log.with(&[&place, words].concat()).await
    }

    /// Resident memory of the server in KiB.
    fn memory(&self) -> u64 {
        let resident = status(self.server.pid(), "VmRSS").expect("a running server");
        let resident = resident.trim().trim_end_matches(" kB").parse();
        resident.expect("a number of kB")
    }
}

/// The neighbour sends some messages and gets all of them, in order.
async fn served(neighbour: &mut TestClient, sent: &mut u64) {
    for _ in 0..NEIGHBOURS {
        *sent += 1;
        neighbour.acked(json!({"body": *sent})).await;
        assert_eq!(neighbour.recv().await["body"], *sent);
    }
}
