//! Gramex MessageHandler: `{"_method": "POST", …columns}` in both directions.
//!
//! What Gramex leaves unsaid is said in frames whose only key begins with an
//! underscore (`_ack`, `_error`, `_reset`, `_history`), which its clients ignore.

mod credentials;

use serde_json::{Map, Value, json};

use crate::log::submission::Command;
use crate::log::{Event, Method};
use crate::rejection::{Rejection, code};

use super::{Credentials, Decoded, Dialect, Notice, Undecodable};

pub struct Gramex;

/// Longest `_msg_id` and `_client`, in bytes.
const KEY_LIMIT: usize = 200;

impl Gramex {
    /// `asked` is the method of the HTTP request that the message came with.
    fn read(
        text: &str,
        asked: Option<Method>,
        handlers: &[String],
    ) -> Result<Decoded, Undecodable> {
        let refuse = |msg_id: Option<String>, code, message: String| {
            Err(refused(Rejection::new(code, message), msg_id))
        };
        let mut message = match serde_json::from_str(text) {
            Ok(Value::Object(message)) => message,
            Ok(_) => {
                let message = "a message is a JSON object, such as {\"body\": \"Hello\"}";
                return refuse(None, code::NOT_AN_OBJECT, message.into());
            }
            Err(error) => return refuse(None, code::BAD_JSON, format!("not JSON: {error}")),
        };
        let (msg_id, client) = match (
            take_key(&mut message, "_msg_id"),
            take_key(&mut message, "_client"),
        ) {
            (Ok(msg_id), Ok(client)) => (msg_id, client),
            (Ok(msg_id), Err(rejection)) => return Err(refused(rejection, msg_id)),
            (Err(rejection), _) => return Err(refused(rejection, None)),
        };
        if !handlers.is_empty()
            && asked.is_none_or(|method| method == Method::Post)
            && let Some(message_type) = message.get("_type")
        {
            let known = message_type
                .as_str()
                .filter(|name| handlers.iter().any(|h| h == name));
            let Some(name) = known else {
                let list = handlers.join("`, `");
                let text = format!("no handler for `_type` {message_type}; known are `{list}`");
                return refuse(msg_id, code::UNKNOWN_TYPE, text);
            };
            let command = Command::Handle {
                message_type: name.to_owned(),
                message,
            };
            return Ok(Decoded {
                command,
                msg_id,
                client,
            });
        }
        let method = match message.get("_method") {
            None => asked.or(Some(Method::Post)),
            Some(name) => name.as_str().and_then(Method::parse),
        };
        let Some(method) = method else {
            let text = format!("`_method` must be one of {}", Method::NAMES.join(", "));
            return refuse(msg_id, code::UNKNOWN_METHOD, text);
        };
        if let Some(asked) = asked.filter(|asked| *asked != method) {
            let text = format!(
                "the body's `_method` is {} and the request's is {}; leave `_method` out",
                method.as_str(),
                asked.as_str()
            );
            return refuse(msg_id, code::UNKNOWN_METHOD, text);
        }
        // Overwriting keeps the key's place, adding puts it last: as Gramex does.
        message.insert("_method".into(), method.as_str().into());
        Ok(Decoded {
            command: Command::Change { method, message },
            msg_id,
            client,
        })
    }
}

impl Dialect for Gramex {
    fn decode(&self, text: &str, handlers: &[String]) -> Result<Decoded, Undecodable> {
        Self::read(text, None, handlers)
    }

    fn decode_request(
        &self,
        method: Method,
        text: &str,
        handlers: &[String],
    ) -> Result<Decoded, Undecodable> {
        Self::read(text, Some(method), handlers)
    }

    fn credentials(&self, text: &str) -> Option<Result<Credentials, Undecodable>> {
        credentials::read(text)
    }

    fn event(&self, _: &Event, sent: &[u8], position: Option<&str>, out: &mut Vec<u8>) {
        with_position(sent, position, out);
    }

    fn removal(&self, (key, value): (&str, Value), position: Option<&str>, out: &mut Vec<u8>) {
        let text = json!({"_method": "DELETE", key: value}).to_string();
        with_position(text.as_bytes(), position, out);
    }

    fn change(&self, method: Method, row: Map<String, Value>) -> String {
        let mut message = Map::new();
        message.insert("_method".into(), method.as_str().into());
        message.extend(row);
        Value::Object(message).to_string()
    }

    fn row(&self, row: Map<String, Value>) -> String {
        Value::Object(row).to_string()
    }

    fn notice(&self, notice: Notice<'_>) -> String {
        let frame = match notice {
            Notice::Ack { msg_id, receipt } => {
                let mut ack = Map::new();
                if let Some(id) = msg_id {
                    ack.insert("_msg_id".into(), id.into());
                }
                ack.insert("position".into(), receipt.position.as_str().into());
                if let Some(rows) = receipt.rows {
                    ack.insert("rows".into(), rows.into());
                }
                json!({ "_ack": ack })
            }
            Notice::Authenticated { msg_id, user } => {
                let mut ack = json!({"_auth": {"user": user}});
                if let Some(id) = msg_id {
                    ack["_msg_id"] = id.into();
                }
                json!({"_ack": ack})
            }
            Notice::Error { msg_id, rejection } => {
                let mut error = rejection.to_json();
                if let Some(id) = msg_id {
                    error.insert("_msg_id".into(), id.into());
                }
                json!({"_error": error})
            }
            Notice::Reset { reason, position } => {
                json!({"_reset": {"reason": reason, "position": position}})
            }
            Notice::HistoryEnd { rows, position } => {
                json!({"_history": {"rows": rows, "position": position}})
            }
            Notice::HistoryTruncated { rows } => json!({"_history_truncated": {"rows": rows}}),
        };
        frame.to_string()
    }
}

fn refused(rejection: Rejection, msg_id: Option<String>) -> Undecodable {
    let rejection = Box::new(rejection);
    Undecodable { rejection, msg_id }
}

/// Takes a reserved key out of a message: text, or a number as text.
fn take_key(message: &mut Map<String, Value>, key: &str) -> Result<Option<String>, Rejection> {
    let value = match message.shift_remove(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => String::new(),
    };
    if value.is_empty() || value.len() > KEY_LIMIT {
        let text = format!("`{key}` must be text of 1 to {KEY_LIMIT} bytes");
        return Err(Rejection::new(code::BAD_KEY, text));
    }
    Ok(Some(value))
}

/// Appends an object, with `_position` as its last key if there is one.
fn with_position(object: &[u8], position: Option<&str>, out: &mut Vec<u8>) {
    match (position, object.strip_suffix(b"}")) {
        (Some(position), Some(open)) => {
            out.extend_from_slice(open);
            if !open.ends_with(b"{") {
                out.push(b',');
            }
            // A position is hexadecimal digits and a dash: nothing to escape.
            out.extend_from_slice(b"\"_position\":\"");
            out.extend_from_slice(position.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        _ => out.extend_from_slice(object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Decoded, Undecodable> {
        Gramex.decode(text, &["ping".to_owned()])
    }

    fn code_of(text: &str) -> String {
        decode(text)
            .expect_err("must be refused")
            .rejection
            .code
            .into_owned()
    }

    #[test]
    fn post_is_the_default_and_keys_keep_their_order() {
        let decoded = decode(r#"{"z": 1, "a": 2, "_msg_id": 7}"#).expect("a valid message");
        assert_eq!(decoded.msg_id.as_deref(), Some("7"));
        let Command::Change { method, message } = decoded.command else {
            panic!("a change")
        };
        assert_eq!(method, Method::Post);
        assert_eq!(
            Value::Object(message).to_string(),
            r#"{"z":1,"a":2,"_method":"POST"}"#
        );
    }

    #[test]
    fn method_names_are_read_in_any_case_and_written_in_capitals() {
        let decoded = decode(r#"{"_method": "put", "id": "x"}"#).expect("a valid message");
        let Command::Change { method, message } = decoded.command else {
            panic!("a change")
        };
        assert_eq!(method, Method::Put);
        assert_eq!(
            Value::Object(message).to_string(),
            r#"{"_method":"PUT","id":"x"}"#
        );
    }

    #[test]
    fn each_kind_of_bad_frame_has_its_code() {
        assert_eq!(code_of("{"), code::BAD_JSON);
        assert_eq!(code_of(""), code::BAD_JSON);
        assert_eq!(code_of("[]"), code::NOT_AN_OBJECT);
        assert_eq!(code_of("1"), code::NOT_AN_OBJECT);
        assert_eq!(code_of(r#"{"_method": "PATCH"}"#), code::UNKNOWN_METHOD);
        assert_eq!(code_of(r#"{"_method": 1}"#), code::UNKNOWN_METHOD);
        assert_eq!(code_of(r#"{"_type": "pong"}"#), code::UNKNOWN_TYPE);
        assert_eq!(code_of(r#"{"_msg_id": {}}"#), code::BAD_KEY);
    }

    #[test]
    fn a_request_s_method_is_the_message_s() {
        let read = |text| Gramex.decode_request(Method::Put, text, &[]);
        for text in [r#"{"id": "x"}"#, r#"{"id": "x", "_method": "put"}"#] {
            let Command::Change { method, message } = read(text).expect("a message").command else {
                panic!("a change")
            };
            assert_eq!((method, &message["_method"]), (Method::Put, &json!("PUT")));
        }
        let refused = read(r#"{"_method": "POST", "id": "x"}"#).expect_err("another method");
        assert_eq!(refused.rejection.code, code::UNKNOWN_METHOD);
    }

    #[test]
    fn an_error_names_the_message_it_is_about() {
        let refused = decode(r#"{"_msg_id": "m1", "_method": "PATCH"}"#).expect_err("refused");
        assert_eq!(refused.msg_id.as_deref(), Some("m1"));
    }

    #[test]
    fn the_position_is_the_last_key() {
        let mut out = Vec::new();
        with_position(b"{\"a\":1}", Some("f-1"), &mut out);
        with_position(b"{}", Some("f-2"), &mut out);
        with_position(b"{\"a\":1}", None, &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(
            text,
            r#"{"a":1,"_position":"f-1"}{"_position":"f-2"}{"a":1}"#
        );
    }
}
