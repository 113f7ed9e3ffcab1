//! From the upload of a build that the server has never seen to the first message that the new
//! generation has judged.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::section::numbered;
use super::steps::{self, Report};
use crate::connection::{Connection, READ_BUFFER};
use crate::figures::median;
use crate::goals::{Goal, Table};
use crate::marker::{self, Finder};
use crate::server::{CHAT, Setup, endpoint};
use crate::websocket::{self, TEXT};

const PLUGIN: &str = "chat";
/// An echo that takes longer is lost.
const ECHO: Duration = Duration::from_secs(5);

pub fn measure(
    setup: &Setup,
    file: &Path,
    chat: &[u8],
    uploads: u32,
    table: &mut Table,
) -> Result<()> {
    let server = setup.start_hookcast(&[(PLUGIN, file)], &endpoint(CHAT, PLUGIN))?;
    let admin = server.admin.context("hookcast has no admin listener")?;
    let mut client = Client::connect(server.address)?;
    let (mut reports, mut walls) = (Vec::new(), Vec::new());
    for number in 0..uploads {
        let build = numbered(chat, number);
        let began = Instant::now();
        let report = steps::put(admin, PLUGIN, &build)
            .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
        // The answer comes after the exchange: this message is the new generation's.
        client.echo(u64::from(number) + 1)?;
        walls.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(!report.cached, "build {number} was known already");
        reports.push(report);
    }
    table.heading(format!(
        "upload of a new build of the chat sample ({} KiB), {uploads} times; medians",
        chat.len() >> 10
    ));
    let wall = median(walls.into_iter());
    let name = "from the PUT to the first message it judged";
    table.goal(name, wall, "ms", Goal::AtMost(300.0));
    steps::write(table, &reports);
    table.figure(
        "files: write, keep",
        median(reports.iter().map(Report::disk)),
        "ms",
    );
    Ok(())
}

struct Client {
    connection: Connection,
    finder: Finder,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(server: std::net::SocketAddr) -> Result<Self> {
        let connection = Connection::open(server)?;
        // One client that waits for one answer needs no epoll.
        connection.stream().set_nonblocking(false)?;
        connection.stream().set_read_timeout(Some(ECHO))?;
        Ok(Self {
            connection,
            finder: Finder::default(),
            buffer: vec![0; READ_BUFFER],
        })
    }

    /// Sends a message and waits until it comes back.
    fn echo(&mut self, number: u64) -> Result<()> {
        let payload = marker::payload(number, 0);
        self.connection
            .outbox()
            .send(|out| websocket::write_masked(out, TEXT, &payload))?;
        let mut echoed = false;
        while !echoed {
            let (finder, mut other) = (&mut self.finder, None);
            let read =
                self.connection
                    .read(&mut self.buffer, |payload| match finder.find(payload) {
                        Some(mark) => echoed |= mark.number() == number,
                        // The greeting comes before any message.
                        None if number == 1 => {}
                        None => other = Some(String::from_utf8_lossy(payload).into_owned()),
                    })?;
            if let Some(other) = other {
                bail!("the server said {other}");
            }
            ensure!(
                read || echoed,
                "no echo of message {number} within {ECHO:?}"
            );
        }
        Ok(())
    }
}
