//! The conversation: lines out, frames in, until one side closes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::input::{Input, frame};
use super::screen::Screen;
use crate::close_code::Advice;

/// Silence after the end of a pipe that means no more answers are coming.
const LINGER: Duration = Duration::from_secs(1);

/// How long the server may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How a conversation ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// We closed.
    Left,
    /// The server closed.
    Closed { code: u16, reason: String },
    /// Neither did; the connection broke.
    Broken(String),
}

impl Ending {
    /// The ending and what to do about it, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Left => "closed".to_owned(),
            Self::Closed { code, reason } => {
                let advice = Advice::of(*code).sentence();
                format!("closed by the server with {code} {reason}\n{advice}")
            }
            Self::Broken(cause) => {
                // 1006: broken without a close frame.
                let advice = Advice::of(1006).sentence();
                format!("the connection broke: {cause}\n{advice}")
            }
        }
    }
}

/// Talks until one side closes; then nobody takes further input. Pings are answered by the library.
pub(super) async fn run<S>(
    mut socket: WebSocketStream<S>,
    mut input: mpsc::Receiver<Input>,
    screen: &mut Screen,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut input_ended = false;
    loop {
        tokio::select! {
            received = socket.next() => {
                if let Some(ending) = show(received, screen) {
                    return ending;
                }
            }
            typed = input.recv(), if !input_ended => {
                let line = match typed {
                    Some(Input::Line(line)) => line,
                    Some(Input::Quit) => return close(socket, screen).await,
                    Some(Input::End) | None => {
                        input_ended = true;
                        continue;
                    }
                };
                if let Some(frame) = frame(&line)
                    && let Err(error) = socket.send(Message::text(frame)).await
                {
                    // What the server said before it closed is still to be read.
                    screen.note(&format!("could not be sent: {error}"));
                }
            }
            // Starts anew with each frame.
            () = sleep(LINGER), if input_ended => return close(socket, screen).await,
        }
    }
}

/// Shows what was received; an ending when there is nothing more to come.
fn show(received: Option<Result<Message, Error>>, screen: &mut Screen) -> Option<Ending> {
    match received {
        Some(Ok(Message::Text(text))) => screen.frame(&text),
        Some(Ok(Message::Binary(bytes))) => {
            screen.note(&format!("(binary frame, {} bytes)", bytes.len()));
        }
        Some(Ok(Message::Close(frame))) => {
            // 1005: a close frame without a code.
            let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                (u16::from(frame.code), frame.reason.to_string())
            });
            return Some(Ending::Closed { code, reason });
        }
        Some(Ok(_)) => {}
        Some(Err(error)) => return Some(Ending::Broken(error.to_string())),
        None => return Some(Ending::Broken("it ended without a close frame".to_owned())),
    }
    None
}

/// Closes and waits for the server's answer, so that what was sent has arrived.
async fn close<S>(mut socket: WebSocketStream<S>, screen: &mut Screen) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let goodbye = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    let answered = async {
        // When it can't be sent, the connection is closed already.
        let _ = socket.close(Some(goodbye)).await;
        while show(socket.next().await, screen).is_none() {}
    };
    let _ = timeout(CLOSE_TIMEOUT, answered).await;
    Ending::Left
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::DuplexStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    /// Both ends of a connection without network.
    async fn connection() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (client, server) = tokio::io::duplex(4096);
        (
            WebSocketStream::from_raw_socket(client, Role::Client, None).await,
            WebSocketStream::from_raw_socket(server, Role::Server, None).await,
        )
    }

    fn piped(inputs: Vec<Input>) -> mpsc::Receiver<Input> {
        let (sender, receiver) = mpsc::channel(8);
        for input in inputs {
            sender.try_send(input).expect("room for the input");
        }
        receiver
    }

    #[tokio::test]
    async fn sends_lines_waits_for_answers_and_closes() {
        let (client, mut server) = connection().await;
        let server = tokio::spawn(async move {
            let first = server.next().await.expect("a frame").expect("no error");
            server
                .send(Message::text("{\"_ack\":{}}"))
                .await
                .expect("sent");
            let last = server.next().await.expect("a frame").expect("no error");
            // Answers the close.
            while server.next().await.is_some() {}
            (first, last)
        });
        let input = piped(vec![Input::Line("hi".into()), Input::End]);
        let ending = run(client, input, &mut Screen::new(None)).await;
        assert!(matches!(ending, Ending::Left), "{ending:?}");
        let (first, last) = server.await.expect("the server's task");
        assert_eq!(first, Message::text(r#"{"_method":"POST","body":"hi"}"#));
        assert!(last.is_close(), "{last:?}");
    }

    #[tokio::test]
    async fn says_why_the_server_closed_and_what_to_do() {
        let (client, mut server) = connection().await;
        let (_sender, input) = mpsc::channel(1);
        let reason = CloseFrame {
            code: CloseCode::from(4403),
            reason: "enough".into(),
        };
        server.close(Some(reason)).await.expect("closed");
        let ending = run(client, input, &mut Screen::new(None)).await;
        assert_eq!(
            ending.describe(),
            "closed by the server with 4403 enough\n\
             Don't reconnect unchanged: the same request would be closed again."
        );
    }

    #[tokio::test]
    async fn a_broken_connection_is_no_close() {
        let (client, server) = connection().await;
        let (_sender, input) = mpsc::channel(1);
        drop(server);
        let ending = run(client, input, &mut Screen::new(None)).await;
        assert!(matches!(ending, Ending::Broken(_)), "{ending:?}");
    }
}
