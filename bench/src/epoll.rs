//! epoll, level-triggered: each ready socket is read once per wake-up, so none starves another and
//! no read has to be made only to learn that nothing is left.

use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

const EVENTS: usize = 256;

pub struct Epoll {
    epoll: OwnedFd,
    /// The indexes of the sockets that the last wait found ready.
    ready: Vec<usize>,
}

impl Epoll {
    pub fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("create an epoll")?;
        Ok(Epoll {
            epoll,
            ready: Vec::with_capacity(EVENTS),
        })
    }

    /// Watches a socket for reading; `index` is what [`Epoll::wait`] gives for it.
    pub fn add(&self, socket: &TcpStream, index: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN).context("watch a socket")
    }

    /// The indexes of the sockets that are ready, none if nothing is within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<&[usize]> {
        let timeout = Timespec::try_from(timeout).context("timeout")?;
        let mut events = [MaybeUninit::uninit(); EVENTS];
        self.ready.clear();
        match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Ok((events, _)) => {
                let indexes = events.iter().map(|event| event.data.u64() as usize);
                self.ready.extend(indexes);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for sockets"),
        }
        Ok(&self.ready)
    }
}
