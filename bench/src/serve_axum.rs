//! The reference: what a good developer writes by hand with axum and `tokio::sync::broadcast`.
//!
//! One task per socket selects on the socket and the channel; each text frame goes to every
//! socket of the room, the sender's included. Nothing is stored and no plugin runs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};

/// Messages that the slowest socket may lag behind before it loses some; ample, so that the
/// reference isn't measured by a small queue.
const CAPACITY: usize = 16_384;

#[derive(Parser)]
pub struct Args {
    /// Address to listen on; the WebSocket is at /chat and /chat/ROOM, the count of lost messages
    /// at /lagged
    #[arg(long)]
    pub listen: SocketAddr,
}

#[derive(Default)]
struct Chat {
    /// Kept when the last socket has left: a bench has few.
    rooms: Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>,
    lagged: AtomicU64,
}

pub fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args.listen))
}

async fn serve(listen: SocketAddr) -> Result<()> {
    let chat = Arc::new(Chat::default());
    let router = Router::new()
        .route("/chat", any(upgrade))
        .route("/chat/{room}", any(upgrade))
        .route("/lagged", get(lagged))
        .with_state(chat);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen}"))?;
    // Nagle's algorithm would hold small frames back for up to 40 ms, which nobody wants in a chat.
    let listener = listener.tap_io(|stream| {
        // Fails only for a socket that is gone, which its task finds out by itself.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.context("serve")
}

async fn lagged(State(chat): State<Arc<Chat>>) -> String {
    chat.lagged.load(Ordering::Relaxed).to_string()
}

async fn upgrade(
    room: Option<Path<String>>,
    upgrade: WebSocketUpgrade,
    State(chat): State<Arc<Chat>>,
) -> Response {
    let room = room.map_or_else(String::new, |Path(room)| room);
    // Subscribed before the handshake is answered: a client misses nothing sent after it.
    let sender = chat.room(room);
    let messages = sender.subscribe();
    upgrade.on_upgrade(move |socket| talk(socket, sender, messages, chat))
}

impl Chat {
    fn room(&self, name: String) -> broadcast::Sender<Utf8Bytes> {
        // Poisoned only if a thread panicked here, where nothing can.
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms
            .entry(name)
            .or_insert_with(|| broadcast::channel(CAPACITY).0);
        room.clone()
    }
}

async fn talk(
    mut socket: WebSocket,
    sender: broadcast::Sender<Utf8Bytes>,
    mut messages: broadcast::Receiver<Utf8Bytes>,
    chat: Arc<Chat>,
) {
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    // Cannot fail while this task itself is a receiver.
                    let _ = sender.send(text);
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            message = messages.recv() => match message {
                Ok(text) => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(count)) => {
                    chat.lagged.fetch_add(count, Ordering::Relaxed);
                }
                Err(RecvError::Closed) => return,
            },
        }
    }
}
