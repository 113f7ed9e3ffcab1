//! How texts are put on the wire: as WebSocket frames, as server-sent events, as elements
//! of a JSON array.

use serde_json::json;

use crate::close_code::Advice;
use crate::frame;

/// What a client's transport makes of texts. Part of a subscriber's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wire {
    #[default]
    WebSocket,
    /// Server-sent events (`text/event-stream`).
    Events,
    /// Elements of a JSON array, each behind a comma.
    Elements,
}

/// How long the client of an event stream waits before it comes back, and at most how much
/// longer, in milliseconds: after a restart not all are to come at once.
const RETRY: u16 = 1_000;
const RETRY_SPREAD: u16 = 1_000;
/// The same where coming back unchanged would end the same way.
const RETRY_LATE: u16 = 60_000;

impl Wire {
    /// Appends a JSON text.
    pub fn text(self, json: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::WebSocket => frame::text(json, out),
            Self::Events | Self::Elements => {
                self.text_with(out, |out| out.extend_from_slice(json));
            }
        }
    }

    /// Appends a JSON text that `fill` appends.
    pub fn text_with(self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::WebSocket => frame::text_with(out, fill),
            Self::Events => {
                out.extend_from_slice(b"data: ");
                let start = out.len();
                fill(out);
                // A line break would end the field. In JSON text it is only space.
                for byte in &mut out[start..] {
                    if matches!(byte, b'\n' | b'\r') {
                        *byte = b' ';
                    }
                }
                out.extend_from_slice(b"\n\n");
            }
            Self::Elements => {
                out.push(b',');
                fill(out);
            }
        }
    }

    /// Whether the client keeps positions by itself, without asking for them.
    pub fn has_ids(self) -> bool {
        self == Self::Events
    }

    /// Appends the position that the client has with the text that follows.
    pub fn id(self, position: &str, out: &mut Vec<u8>) {
        if self.has_ids() {
            out.extend_from_slice(b"id: ");
            out.extend_from_slice(position.as_bytes());
            out.push(b'\n');
        }
    }

    /// Ends what `id` has begun where no text follows: the client takes the position and
    /// sees no event.
    pub fn no_text(self, out: &mut Vec<u8>) {
        if self.has_ids() {
            out.push(b'\n');
        }
    }

    /// The last bytes for a client, with the code and the reason of a close frame. Empty
    /// where the answer's end says enough.
    pub fn close(self, code: u16, reason: &str) -> Vec<u8> {
        match self {
            Self::WebSocket => frame::close(code, reason),
            Self::Events => {
                let retry = match Advice::of(code) {
                    Advice::Reconnect => RETRY + rand::random::<u16>() % RETRY_SPREAD,
                    Advice::Nothing | Advice::ChangeFirst | Advice::AskOperator => RETRY_LATE,
                };
                let data = json!({"code": code, "reason": reason});
                format!("retry: {retry}\nevent: close\ndata: {data}\n\n").into_bytes()
            }
            Self::Elements => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close_code;

    fn written(wire: Wire, json: &str) -> String {
        let mut out = Vec::new();
        wire.text(json.as_bytes(), &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn an_event_is_one_line_whatever_a_plugin_has_written() {
        let event = written(Wire::Events, "{\n  \"a\": \"x\\ny\"\r\n}");
        assert_eq!(event, "data: {   \"a\": \"x\\ny\"  }\n\n");
    }

    #[test]
    fn elements_make_an_array() {
        let elements = written(Wire::Elements, "{}") + &written(Wire::Elements, "1");
        assert_eq!(elements, ",{},1");
    }

    #[test]
    fn only_clients_that_may_come_back_are_told_to_do_so_soon() {
        let retry = |code: u16| {
            let text = String::from_utf8(Wire::Events.close(code, "why")).expect("UTF-8");
            let line = text.lines().next().expect("a line");
            let number = line.strip_prefix("retry: ").expect("a retry");
            number.parse::<u16>().expect("milliseconds")
        };
        assert!((RETRY..RETRY + RETRY_SPREAD).contains(&retry(close_code::GOING_AWAY.code)));
        assert_eq!(retry(close_code::FORBIDDEN.code), RETRY_LATE);
        assert!(Wire::Elements.close(1001, "why").is_empty());
    }
}
