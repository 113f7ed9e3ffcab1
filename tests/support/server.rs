//! A real server in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::admin::{self, Answer};
use super::client::Refused;
use super::log::Log;
use super::{TestClient, eventually, guests};

const TOKEN: &str = "only-for-tests";

/// Every server has two ports of its own on this process's own loopback address, so
/// that it can be stopped and started again without anyone taking them.
static NEXT_PORT: AtomicU16 = AtomicU16::new(10_000);

/// What a server is started with.
#[derive(Clone, Default)]
pub struct Setup {
    endpoints: String,
    server_keys: String,
    engine_keys: String,
    /// `storage.url`; SQLite in the server's folder unless it is said.
    storage: Option<String>,
    /// Names in the plugins folder, and what is copied there.
    plugins: Vec<(String, PathBuf)>,
    /// Names in the plugins folder, and what is written there.
    scripts: Vec<(String, String)>,
    /// Program and arguments that the server's command line is appended to.
    wrapper: Vec<String>,
    /// Another path of the server's executable.
    binary: Option<PathBuf>,
}

impl Setup {
    /// The config's `[endpoints]`, and other tables but `[server]`, `[admin]`,
    /// `[storage]` and `[engine]`.
    pub fn new(endpoints: &str) -> Self {
        Self {
            endpoints: endpoints.to_owned(),
            ..Self::default()
        }
    }

    /// A guest as plugin of the same name.
    pub fn guest(self, package: &str) -> Self {
        self.guest_as(package, package)
    }

    pub fn guest_as(mut self, package: &str, plugin: &str) -> Self {
        self.plugins
            .push((format!("{plugin}.wasm"), guests::file(package)));
        self
    }

    /// A file of the repository's `plugins/`, under this name in the plugins folder.
    pub fn sample(mut self, path: &str, file: &str) -> Self {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        self.plugins.push((file.to_owned(), samples.join(path)));
        self
    }

    /// A component from anywhere, as plugin of this name.
    pub fn file_as(mut self, path: &Path, plugin: &str) -> Self {
        self.plugins
            .push((format!("{plugin}.wasm"), path.to_owned()));
        self
    }

    /// A file from anywhere, under its own name in the plugins folder.
    pub fn file(mut self, path: &Path) -> Self {
        let name = path.file_name().expect("a file's name").to_string_lossy();
        self.plugins.push((name.into_owned(), path.to_owned()));
        self
    }

    /// A script, under this name in the plugins folder.
    pub fn script(mut self, file: &str, source: &str) -> Self {
        self.scripts.push((file.to_owned(), source.to_owned()));
        self
    }

    /// Lines for `[server]`.
    pub fn server_keys(mut self, lines: &str) -> Self {
        self.server_keys = lines.to_owned();
        self
    }

    /// Lines for `[engine]`.
    pub fn engine_keys(mut self, lines: &str) -> Self {
        self.engine_keys = lines.to_owned();
        self
    }

    /// Where everything is kept.
    pub fn storage(mut self, url: &str) -> Self {
        self.storage = Some(url.to_owned());
        self
    }

    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    pub async fn start(self) -> TestServer {
        let mut server = self.prepare();
        server.start().await;
        server
    }

    /// Everything but the start.
    pub fn prepare(self) -> TestServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).expect("the plugins folder");
        for (name, file) in &self.plugins {
            std::fs::copy(file, plugins.join(name)).expect("a copied plugin");
        }
        for (name, source) in &self.scripts {
            std::fs::write(plugins.join(name), source).expect("a script");
        }
        let (address, admin) = addresses();
        let server = TestServer {
            address,
            admin,
            folder,
            process: None,
            logging: None,
            log: Log::default(),
            setup: self,
        };
        server.write_config(&server.setup.endpoints);
        server
    }
}

/// Two addresses that nobody else uses.
pub fn addresses() -> (String, String) {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let port = NEXT_PORT.fetch_add(2, Ordering::Relaxed);
    let address = |port: u16| format!("127.{a}.{b}.{c}:{port}");
    (address(port), address(port + 1))
}

pub struct TestServer {
    /// Where clients connect.
    pub address: String,
    pub admin: String,
    folder: TempDir,
    process: Option<Child>,
    logging: Option<JoinHandle<()>>,
    pub log: Log,
    setup: Setup,
}

impl TestServer {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn database_path(&self) -> PathBuf {
        self.folder().join("data/hookcast.db")
    }

    pub fn database(&self) -> rusqlite::Connection {
        super::database::open(&self.database_path())
    }

    /// Replaces the config's endpoints and plugins.
    pub fn write_config(&self, endpoints: &str) {
        // One cache for all tests: each guest is compiled once.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
        let storage = self.setup.storage.as_deref();
        let storage = storage.unwrap_or("sqlite://data/hookcast.db");
        let config = format!(
            "[server]\nlisten = {:?}\nshutdown_grace = \"2s\"\n{}\n\
             [admin]\nlisten = {:?}\ntoken = {TOKEN:?}\n\
             [storage]\nurl = {storage:?}\n\
             [engine]\ninstances = 64\ncache = {cache:?}\n{}\n{endpoints}\n",
            self.address, self.setup.server_keys, self.admin, self.setup.engine_keys,
        );
        std::fs::write(self.folder().join("hookcast.toml"), config).expect("the config");
    }

    /// The command that starts this server.
    pub fn command(&self) -> Command {
        let binary = self.setup.binary.clone();
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_hookcast").into());
        let wrapper = self.setup.wrapper.iter().map(PathBuf::from);
        let mut words = wrapper.chain([binary]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .args(["serve", "--config", "hookcast.toml"])
            .current_dir(self.folder())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// `hookcast admin` for this server.
    pub fn admin_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookcast"));
        command.arg("admin").args(self.admin_access());
        command
    }

    /// What tells a command which server it is for.
    pub fn admin_access(&self) -> [String; 4] {
        let url = format!("http://{}", self.admin);
        ["--url", &url, "--token", TOKEN].map(str::to_owned)
    }

    /// Waits until this version of a plugin serves.
    pub async fn serves(&self, plugin: &str, version: &str) {
        let path = format!("/api/plugins/{plugin}");
        eventually(&format!("{plugin} {version} to serve"), async || {
            let shown = self.api("GET", &path).await.ok();
            (shown["version"] == version).then_some(())
        })
        .await;
    }

    /// Starts and waits until the server is ready.
    pub async fn start(&mut self) {
        self.spawn();
        let url = format!("http://{}/readyz", self.admin);
        eventually("the server to be ready", async || {
            if let Some(status) = self.exited() {
                // Its last words, which `drop` prints.
                let _ = self.logging.take().map(JoinHandle::join);
                panic!("the server ended with {status} instead of starting");
            }
            let answer = admin::try_request("GET", &url, &[], Vec::new())
                .await
                .ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    fn spawn(&mut self) {
        let mut child = self.command().spawn().expect("the server's process");
        self.logging = Some(self.log.follow(child.stderr.take().expect("a pipe")));
        self.process = Some(child);
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running server").id()
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.process
            .as_mut()?
            .try_wait()
            .expect("the process's state")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    pub fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.pid().to_string());
        let sent = Command::new("kill").args([&signal, &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "SIG{name} was not sent"
        );
    }

    /// How the process ends.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = eventually("the server to end", async || self.exited()).await;
        self.process = None;
        status
    }

    /// SIGTERM, and a new start.
    pub async fn restart(&mut self) {
        self.terminate();
        assert!(self.ended().await.success());
        self.start().await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub async fn connect(&self, path: &str) -> TestClient {
        match TestClient::connect(&self.url(path), &[]).await {
            Ok(client) => client,
            Err(refused) => panic!("{path}: the handshake was refused: {refused:?}"),
        }
    }

    /// A subscriber that is live: with positions, and past its history.
    pub async fn subscribe(&self, path: &str) -> TestClient {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut client = self.connect(&format!("{path}{separator}_after=")).await;
        client.history().await;
        client
    }

    /// A handshake that must be refused.
    pub async fn refused(&self, path: &str, headers: &[(&str, &str)]) -> Refused {
        match TestClient::connect(&self.url(path), headers).await {
            Ok(_) => panic!("{path}: the handshake was accepted"),
            Err(refused) => refused,
        }
    }

    /// A plain request to the public listener.
    pub async fn http(&self, method: &str, path: &str) -> Answer {
        self.http_with(method, path, &[], String::new()).await
    }

    /// Publishes a message by HTTP.
    pub async fn publish(&self, method: &str, path: &str, message: serde_json::Value) -> Answer {
        self.http_with(method, path, &[], message.to_string()).await
    }

    /// A request to the public listener with these headers and this body.
    pub async fn http_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        // As browsers do it.
        let path = path.replace('<', "%3C").replace('>', "%3E");
        let url = format!("http://{}{path}", self.address);
        admin::request(method, &url, headers, body.into_bytes()).await
    }

    /// A request to the admin API with the token.
    pub async fn api(&self, method: &str, path: &str) -> Answer {
        self.api_with(method, path, Vec::new()).await
    }

    pub async fn api_with(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let token = format!("Bearer {TOKEN}");
        self.api_as(&[("authorization", &token)], method, path, body)
            .await
    }

    /// A request to the admin API with just these headers.
    pub async fn api_as(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Answer {
        admin::request(
            method,
            &format!("http://{}{path}", self.admin),
            headers,
            body,
        )
        .await
    }

    /// Uploads a guest as a plugin.
    pub async fn put_plugin(&self, name: &str, package: &str) -> Answer {
        self.api_with(
            "PUT",
            &format!("/api/plugins/{name}"),
            guests::bytes(package),
        )
        .await
    }

    /// The value of a metric, summed over its labels; those must have all `words`.
    pub async fn metric(&self, name: &str, words: &[&str]) -> f64 {
        let text = self.api("GET", "/metrics").await.text;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let known = series.split('{').next() == Some(name);
            (known && words.iter().all(|word| series.contains(word)))
                .then(|| value.parse::<f64>().ok())?
        });
        values.sum()
    }

    /// How `/api/endpoints` shows an endpoint.
    pub async fn endpoint(&self, name: &str) -> serde_json::Value {
        let mut answer = self.api("GET", "/api/endpoints").await.ok();
        let endpoints = answer["endpoints"].as_array_mut().expect("a list");
        let found = endpoints
            .iter_mut()
            .find(|endpoint| endpoint["name"] == name);
        found.unwrap_or_else(|| panic!("no endpoint {name}")).take()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.log.print();
        }
    }
}
