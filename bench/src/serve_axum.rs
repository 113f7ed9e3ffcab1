//! The reference: what a good developer writes by hand with axum and `tokio::sync::broadcast`.
//!
//! One task per socket selects on the socket and the channel; each text frame goes to every
//! socket, the sender's included. Nothing is stored and no plugin runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
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
    /// Address to listen on; the WebSocket is at /chat, the count of lost messages at /lagged
    #[arg(long)]
    pub listen: SocketAddr,
}

struct Chat {
    messages: broadcast::Sender<Utf8Bytes>,
    lagged: AtomicU64,
}

pub fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args.listen))
}

async fn serve(listen: SocketAddr) -> Result<()> {
    let chat = Arc::new(Chat {
        messages: broadcast::channel(CAPACITY).0,
        lagged: AtomicU64::new(0),
    });
    let router = Router::new()
        .route("/chat", any(upgrade))
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

async fn upgrade(upgrade: WebSocketUpgrade, State(chat): State<Arc<Chat>>) -> Response {
    // Subscribed before the handshake is answered: a client misses nothing sent after it.
    let messages = chat.messages.subscribe();
    upgrade.on_upgrade(move |socket| talk(socket, messages, chat))
}

async fn talk(
    mut socket: WebSocket,
    mut messages: broadcast::Receiver<Utf8Bytes>,
    chat: Arc<Chat>,
) {
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    // Cannot fail while this task itself is a receiver.
                    let _ = chat.messages.send(text);
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
