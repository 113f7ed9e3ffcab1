//! A server under test: a child process with a fresh directory, on free ports of the loopback.

mod config;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tempfile::TempDir;

use crate::http;
pub use config::endpoint;

/// Compiling a hundred plugins on a busy machine takes its time.
const START_TIMEOUT: Duration = Duration::from_secs(300);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
const LOG_LINES_SHOWN: usize = 15;
pub const ADMIN_TOKEN: &str = "bench";
/// The endpoint that every server under test has.
pub const CHAT: &str = "/chat";
/// The endpoints of [`Setup::start_busy_and_calm`].
pub const BUSY: &str = "/busy";
pub const CALM: &str = "/calm";
/// What `plugins.misbehave.limits.hook` is set to.
pub const HOOK_DEADLINE_MS: u32 = 50;

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Hookcast,
    Axum,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Hookcast => "hookcast",
            Kind::Axum => "axum",
        }
    }
}

/// What is needed to start servers.
pub struct Setup {
    pub hookcast: Option<PathBuf>,
    pub plugin: Option<PathBuf>,
    pub misbehave: Option<PathBuf>,
    /// Parent of the servers' directories; on a real disk, or a sync costs nothing.
    pub dir: PathBuf,
}

pub struct Server {
    command: Command,
    child: Child,
    pub address: SocketAddr,
    pub admin: Option<SocketAddr>,
    /// Config, database, compiled code and log; removed with the server.
    dir: TempDir,
}

impl Setup {
    /// Starts a server with a fresh database and waits until it is ready.
    pub fn start(&self, kind: Kind) -> Result<Server> {
        self.try_start(kind)
            .with_context(|| format!("start {}", kind.name()))
    }

    /// Starts Hookcast with two endpoints on one database: [`BUSY`] with the plugin that
    /// misbehaves, [`CALM`] with the one that every message passes.
    pub fn start_busy_and_calm(&self) -> Result<Server> {
        self.try_start_busy_and_calm()
            .context("start hookcast with two endpoints")
    }

    /// Starts Hookcast with [`CALM`] and, on the same database, an endpoint for each of these
    /// plugins, named after it. `config` has the plugins' settings.
    pub fn start_attacked(&self, plugins: &[(String, PathBuf)], config: &str) -> Result<Server> {
        let mut all = vec![("bench", self.plugin()?)];
        let mut config = config.to_owned() + &endpoint(CALM, "bench");
        for (name, file) in plugins {
            all.push((name, file));
            // A ring that fills for as long as the attacks last would look like a leak.
            config += &(endpoint(&format!("/{name}"), name) + "ring = \"256 KiB\"\n");
        }
        self.start_hookcast(&all, &config)
            .context("start hookcast with plugins that attack")
    }

    fn try_start(&self, kind: Kind) -> Result<Server> {
        match kind {
            Kind::Axum => {
                let dir = self.new_dir()?;
                let address = free_address()?;
                let mut command = this_program()?;
                command.args(["serve-axum", "--listen", &address.to_string()]);
                Server::spawn(command, dir, address, None)
            }
            Kind::Hookcast => {
                let plugins = [("bench", self.plugin()?)];
                self.start_hookcast(&plugins, &endpoint(CHAT, "bench"))
            }
        }
    }

    fn try_start_busy_and_calm(&self) -> Result<Server> {
        let misbehave = self.misbehave.as_deref();
        let misbehave = misbehave.context("--misbehave is not given")?;
        let plugins = [("bench", self.plugin()?), ("misbehave", misbehave)];
        // It imports `rows`, without which it isn't loaded.
        let config = format!(
            r#"[plugins.misbehave]
grants = ["rows:read"]
limits.hook = "{HOOK_DEADLINE_MS}ms"
{busy}{calm}"#,
            busy = endpoint(BUSY, "misbehave"),
            calm = endpoint(CALM, "bench"),
        );
        self.start_hookcast(&plugins, &config)
    }

    /// Starts Hookcast with these plugins, each a name and a file. `config` has the endpoints.
    pub fn start_hookcast(&self, plugins: &[(&str, &Path)], config: &str) -> Result<Server> {
        let dir = self.new_dir()?;
        let (address, admin) = (free_address()?, free_address()?);
        let config = config::write(dir.path(), address, admin, plugins, config)?;
        let program = self.hookcast.as_ref().context("--hookcast is not given")?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(config);
        Server::spawn(command, dir, address, Some(admin))
    }

    fn new_dir(&self) -> Result<TempDir> {
        tempfile::tempdir_in(&self.dir)
            .with_context(|| format!("make a directory in {}", self.dir.display()))
    }

    fn plugin(&self) -> Result<&Path> {
        self.plugin.as_deref().context("--plugin is not given")
    }
}

impl Server {
    fn spawn(
        mut command: Command,
        dir: TempDir,
        address: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> Result<Self> {
        let log = File::create(dir.path().join("server.log"))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("run {}", command.get_program().display()))?;
        let mut server = Server {
            command,
            child,
            address,
            admin,
            dir,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Stops the server and starts it again with all that it has on disk. The time from its
    /// start to the first answer that it is ready.
    pub fn restart(&mut self) -> Result<Duration> {
        self.stop();
        let began = Instant::now();
        self.child = self.command.spawn().context("start it again")?;
        self.wait_until_ready()?;
        Ok(began.elapsed())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let give_up = Instant::now() + START_TIMEOUT;
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; its log ends:\n{}", self.log_tail());
            }
            if Instant::now() > give_up {
                bail!(
                    "not ready after {START_TIMEOUT:?}; its log ends:\n{}",
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        match self.admin {
            Some(admin) => matches!(http::get(admin, "/readyz", ADMIN_TOKEN), Ok((200, _))),
            None => TcpStream::connect_timeout(&self.address, POLL).is_ok(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of what the server printed, to be shown with an error.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    fn terminate(&self) -> bool {
        Pid::from_raw(self.child.id().cast_signed())
            .is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
    }

    fn stop(&mut self) {
        let give_up = Instant::now() + STOP_TIMEOUT;
        if self.terminate() {
            while Instant::now() < give_up {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(POLL);
            }
            eprintln!(
                "process {} ignored SIGTERM for {STOP_TIMEOUT:?}: killed",
                self.child.id()
            );
        }
        // Both fail only if the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whatever goes wrong in a measure, its server doesn't outlive it.
impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The reference and the floor are other subcommands of this very program.
pub fn this_program() -> Result<Command> {
    Ok(Command::new(
        std::env::current_exe().context("find this program's file")?,
    ))
}

/// A port that is free now. Another program could take it before the server does; then the start
/// fails and says so.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?)
}
