//! `cargo xtask demo`: from a fresh clone to a page that runs a plugin.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context as _, Result};

use crate::{javascript, plugins, process, workspace};

const TOKEN_VARIABLE: &str = "HOOKCAST_ADMIN_TOKEN";
/// As the server listens when its config says nothing else; the admin API has the next port.
const PORT: u16 = 8080;

#[derive(clap::Args)]
pub struct Args {
    /// Listen on this port and the admin API on the next, instead of 8080 and 8081
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=65534))]
    port: Option<u16>,
}

pub fn run(args: &Args) -> Result<()> {
    let port = args.port.unwrap_or(PORT);
    is_free(port)?;
    is_free(port + 1)?;
    javascript::ensure();
    plugins::build()?;
    process::run(&mut process::cargo(workspace::BUILD_HOOKCAST))?;

    let config = match args.port {
        None => config(),
        Some(port) => config_on(port)?,
    };
    let token = match env::var(TOKEN_VARIABLE) {
        Ok(token) if !token.is_empty() => token,
        _ => random_token()?,
    };
    Command::new(env::current_exe()?)
        .args(["announce", "--port", &port.to_string()])
        .env(TOKEN_VARIABLE, &token)
        .spawn()
        .context("can't start the announcement")?;
    // The server takes the place of this process, so that Ctrl-C and other signals reach
    // it and nobody else.
    let error = Command::new(workspace::hookcast("debug"))
        .arg("serve")
        .arg("--config")
        .arg(config)
        .current_dir(workspace::root())
        .env(TOKEN_VARIABLE, token)
        .exec();
    Err(error).context("can't start the server")
}

fn config() -> PathBuf {
    PathBuf::from("config/hookcast.toml")
}

/// The same config on another port.
fn config_on(port: u16) -> Result<PathBuf> {
    let text = fs::read_to_string(workspace::root().join(config()))?;
    let text = listen_on(&text, port).context("config/hookcast.toml: no [server] and [admin]")?;
    let copy = workspace::target().join("demo.toml");
    fs::write(&copy, text).with_context(|| format!("can't write {}", copy.display()))?;
    Ok(copy)
}

fn listen_on(config: &str, port: u16) -> Option<String> {
    let listen = |config: &str, section: &str, port: u16| {
        let (before, after) = config.split_once(section)?;
        let key = format!("listen = \"{}\"", address(port));
        Some(format!("{before}{section}\n{key}{after}"))
    };
    listen(&listen(config, "[server]", port)?, "[admin]", port + 1)
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Asked before anything is built, and before another server's answer is taken for ours.
fn is_free(port: u16) -> Result<()> {
    TcpListener::bind(address(port)).map(drop).with_context(|| {
        format!(
            "can't listen on {}; stop what does, or choose another --port",
            address(port)
        )
    })
}

fn random_token() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Runs beside the server: waits until it is ready, and says where it is.
#[derive(clap::Args)]
pub struct Announcement {
    #[arg(long)]
    port: u16,
}

impl Announcement {
    pub fn run(&self) -> Result<()> {
        let server = parent_id();
        let admin = address(self.port + 1);
        while !is_ready(admin) {
            if parent_id() != server {
                return Ok(()); // The server has ended, and has said why.
            }
            thread::sleep(Duration::from_millis(100));
        }
        let token = env::var(TOKEN_VARIABLE)?;
        println!("{}", announcement(self.port, &token));
        Ok(())
    }
}

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

fn announcement(port: u16, token: &str) -> String {
    format!(
        "
  Hookcast is running. Open this page in two tabs:

      http://{page}/

  Its rules are in plugins/chat. Change src/lib.rs there, and swap it while the tabs
  stay connected; in another terminal:

      cargo xtask plugins
      curl -X POST -H 'Authorization: Bearer {token}' \\
          http://{admin}/api/plugins/chat/reload

  Ctrl-C stops the server. Messages are kept in data/hookcast.db.
",
        page = address(port),
        admin = address(port + 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_changes_both_listeners_and_nothing_else() {
        let config = "[server]\npage = true\n\n[admin]\ntoken = 'x'\n";
        let expected = "[server]\nlisten = \"127.0.0.1:9000\"\npage = true\n\n\
                        [admin]\nlisten = \"127.0.0.1:9001\"\ntoken = 'x'\n";
        assert_eq!(listen_on(config, 9000).as_deref(), Some(expected));
    }

    #[test]
    fn a_config_without_the_sections_is_refused() {
        assert_eq!(listen_on("[server]\n", 9000), None);
    }
}
