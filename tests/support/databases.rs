//! Database servers of one's own: PostgreSQL and MariaDB (or MySQL), found by name, each
//! in a folder that goes with it. They listen on a socket in that folder and nowhere else.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};
use sqlx::postgres::{PgConnectOptions, PgPool};
use tempfile::TempDir;

use super::{eventually, require};

/// Where distributions keep what is not in PATH.
const ELSEWHERE: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// A server, as long as it is held.
pub struct Running {
    command: Command,
    child: Child,
    folder: TempDir,
    /// Asks for a fast end, without waiting for clients.
    stop: Signal,
    /// Ends it as a crash does.
    crash: Signal,
    /// What a client connects with.
    pub url: String,
}

/// PostgreSQL, and a pool of connections to it; none, and said so, if it is not installed.
pub async fn postgres(test: &str) -> Option<(Running, PgPool)> {
    let programs = postgres_program("initdb").zip(postgres_program("postgres"));
    let missing = "PostgreSQL (`initdb`, `postgres`) is missing; install it".to_owned();
    if !require::or_skip(test, programs.is_none().then_some(missing)) {
        return None;
    }
    let (initdb, postgres) = programs?;
    let owner = Owner::find();
    let folder = owner.folder();
    let data = folder.path().join("data");
    let mut create = owner.command(&initdb);
    create.args(["--username=test", "--auth=trust", "--encoding=UTF8"]);
    create
        .args(["--no-locale", "--no-sync", "--pgdata"])
        .arg(&data);
    run(create, folder.path());
    let mut serve = owner.command(&postgres);
    serve.args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]);
    serve.arg(folder.path()).arg("-D").arg(&data);
    let url = format!(
        "postgres://test@localhost/postgres?host={}",
        folder.path().display()
    );
    let mut running = Running::start(serve, folder, Signal::INT, Signal::QUIT, url);
    let options = PgConnectOptions::new_without_pgpass()
        .socket(running.folder.path())
        .username("test")
        .database("postgres");
    let connect = async || {
        running.assert_alive();
        PgPool::connect_with(options.clone()).await.ok()
    };
    let pool = eventually("PostgreSQL", connect).await;
    Some((running, pool))
}

/// MariaDB, or MySQL, likewise.
pub async fn mariadb(test: &str) -> Option<(Running, MySqlPool)> {
    let server = program("mariadbd").or_else(|| program("mysqld"));
    let missing = "MariaDB (`mariadbd`) or MySQL (`mysqld`) is missing; install it".to_owned();
    if !require::or_skip(test, server.is_none().then_some(missing)) {
        return None;
    }
    let server = server?;
    let owner = Owner::find();
    let folder = owner.folder();
    let data = folder.path().join("data");
    let mut create = match program("mariadb-install-db") {
        Some(install) => {
            let mut create = owner.command(&install);
            create.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
            create.arg("--skip-test-db");
            create
        }
        None => {
            let mut create = owner.command(&server);
            create.args(["--no-defaults", "--initialize-insecure"]);
            create
        }
    };
    // Several at a time would meet in /tmp.
    create
        .arg(option("datadir", &data))
        .arg(option("tmpdir", folder.path()));
    run(create, folder.path());
    let socket = folder.path().join("socket");
    let mut serve = owner.command(&server);
    serve.args([
        "--no-defaults",
        "--skip-networking",
        "--character-set-server=utf8mb4",
    ]);
    // A crash of the server loses nothing, only one of the machine.
    serve.arg("--innodb-flush-log-at-trx-commit=2");
    serve
        .arg(option("datadir", &data))
        .arg(option("tmpdir", folder.path()))
        .arg(option("socket", &socket));
    serve.arg(option("pid-file", &folder.path().join("pid")));
    let url = format!("mysql://root@localhost/test?socket={}", socket.display());
    let mut running = Running::start(serve, folder, Signal::TERM, Signal::KILL, url);
    let root = MySqlConnectOptions::new().socket(&socket).username("root");
    let connect = async || {
        running.assert_alive();
        MySqlPool::connect_with(root.clone()).await.ok()
    };
    let pool = eventually("MariaDB", connect).await;
    let created = sqlx::raw_sql("CREATE DATABASE test").execute(&pool).await;
    created.expect("a database");
    let pool = MySqlPool::connect_with(root.database("test")).await;
    Some((running, pool.expect("the database")))
}

impl Running {
    fn start(
        mut command: Command,
        folder: TempDir,
        stop: Signal,
        crash: Signal,
        url: String,
    ) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        command.stderr(log.try_clone().expect("a log")).stdout(log);
        let child = command.current_dir(folder.path()).spawn();
        let child = child.expect("the server starts");
        Self {
            command,
            child,
            folder,
            stop,
            crash,
            url,
        }
    }

    /// Its URL by way of somebody who listens in `folder`, and where they listen.
    pub fn by_way_of(&self, folder: &Path) -> (String, PathBuf) {
        let own = self.folder.path().display().to_string();
        let url = self.url.replace(&own, &folder.display().to_string());
        (url, folder.join(self.socket_name()))
    }

    /// Has PostgreSQL ask this user for a password, once it has read its config again.
    pub fn ask_for_password(&self, user: &str) {
        let file = self.folder.path().join("data/pg_hba.conf");
        let others = fs::read_to_string(&file).expect("its config");
        let rules = format!("local all {user} scram-sha-256\n{others}");
        fs::write(&file, rules).expect("its config");
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(self.socket_name())
    }

    fn socket_name(&self) -> &'static str {
        match self.url.starts_with("postgres:") {
            true => ".s.PGSQL.5432",
            false => "socket",
        }
    }

    /// Ends it as a crash does; [`Self::start_again`] comes next.
    pub fn crash(&mut self) {
        self.signal(self.crash);
        let _ = self.child.wait();
    }

    pub fn start_again(&mut self) {
        let child = self.command.spawn();
        self.child = child.expect("the server starts again");
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// # Panics
    /// With its log, if the server has ended.
    fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("its status") {
            let log = fs::read_to_string(self.folder.path().join("log"));
            panic!("the server ended, {status}: {}", log.unwrap_or_default());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(self.stop);
        let _ = self.child.wait();
    }
}

/// Runs a command that makes a database.
///
/// # Panics
/// With what it said, if it fails.
fn run(mut command: Command, folder: &Path) {
    let output = command.current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// A program of PostgreSQL: in PATH, or the newest of the versions that Debian installs.
fn postgres_program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path()));
    let installed = versions.map(|version| version.join("bin").join(name));
    let newest = installed.filter(|path| path.is_file()).max_by_key(|path| {
        let version = path.iter().nth(4).and_then(|version| version.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    });
    program(name).or(newest)
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(ELSEWHERE.map(PathBuf::from));
    let mut found = folders.map(|folder| folder.join(name));
    found.find(|path| path.is_file())
}

/// Whom a server belongs to: neither runs as root. None for whoever runs the tests.
struct Owner(Option<(u32, u32)>);

impl Owner {
    /// For root: `nobody`.
    fn find() -> Self {
        const NOBODY: (u32, u32) = (65_534, 65_534);
        Self(geteuid().is_root().then_some(NOBODY))
    }

    fn folder(&self) -> TempDir {
        // Paths of sockets are short.
        let folder = tempfile::Builder::new().prefix("db-").tempdir_in("/tmp");
        let folder = folder.expect("a folder");
        if let Some((user, group)) = self.0 {
            chown(folder.path(), Some(user), Some(group)).expect("a folder of its own");
        }
        folder
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}
