//! Somebody between hookcast and a database server, who cuts the line at a COMMIT.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// What becomes of the next COMMIT.
#[derive(Clone, Copy, PartialEq)]
pub enum Cut {
    /// The line is cut before the server has heard of it.
    Before,
    /// It takes place; the answer never comes, and the line is cut by [`Meddler::hang_up`].
    Answer,
}

pub struct Meddler(Arc<State>);

#[derive(Default)]
struct State {
    next: Mutex<Option<Cut>>,
    /// Lines whose answers are kept back.
    silenced: Mutex<Vec<UnixStream>>,
}

impl Meddler {
    /// Takes connections at `own` and hands them on to the server's socket.
    pub fn start(own: &Path, server: PathBuf) -> Self {
        let state: Arc<State> = Arc::default();
        let listener = UnixListener::bind(own).expect("a socket");
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = UnixStream::connect(&server) {
                    connect(client, server, &shared);
                }
            }
        });
        Self(state)
    }

    /// Meddles with the next COMMIT.
    pub fn cut(&self, cut: Cut) {
        *self.0.next.lock() = Some(cut);
    }

    /// Whether that COMMIT has come.
    pub fn has_cut(&self) -> bool {
        self.0.next.lock().is_none()
    }

    /// Cuts the lines whose answers were kept back.
    pub fn hang_up(&self) {
        for line in self.0.silenced.lock().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
}

fn connect(client: UnixStream, server: UnixStream, state: &Arc<State>) {
    let clone = |stream: &UnixStream| stream.try_clone().expect("a handle");
    let silent = Arc::new(Mutex::new(false));
    let (answers, to, mute) = (clone(&server), clone(&client), Arc::clone(&silent));
    thread::spawn(move || {
        pass(answers, to, |_| match *mute.lock() {
            true => Passing::Dropped,
            false => Passing::On,
        });
    });
    let state = Arc::clone(state);
    let lines = [clone(&client), clone(&server)];
    thread::spawn(move || {
        pass(client, server, |bytes| {
            let commit = bytes.windows(6).any(|word| word == b"COMMIT");
            match if commit {
                state.next.lock().take()
            } else {
                None
            } {
                None => Passing::On,
                Some(Cut::Before) => Passing::Over,
                Some(Cut::Answer) => {
                    *silent.lock() = true;
                    let lines = lines.iter().map(clone);
                    state.silenced.lock().extend(lines);
                    Passing::On
                }
            }
        });
    });
}

/// What becomes of bytes that were read.
enum Passing {
    On,
    Dropped,
    Over,
}

/// Hands bytes on until one end is closed.
fn pass(mut from: UnixStream, mut to: UnixStream, judge: impl Fn(&[u8]) -> Passing) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        match judge(bytes) {
            Passing::Dropped => {}
            Passing::On if to.write_all(bytes).is_ok() => {}
            Passing::On | Passing::Over => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
