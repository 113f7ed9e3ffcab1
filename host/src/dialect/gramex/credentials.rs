//! `{"_auth": {"token": …}}`: a frame by which a client says who it is.
//!
//! It has no other key than those of the protocol, and a message of Gramex's has at least
//! one. Clients that put a `_method` into all that they send may do so here.

use serde_json::{Map, Value};

use super::{refused, take_key};
use crate::dialect::{Credentials, Undecodable};
use crate::rejection::{Rejection, code};

/// Reads such a frame; none for every other.
pub fn read(text: &str) -> Option<Result<Credentials, Undecodable>> {
    // Cheap, and every message goes through here.
    if !text.contains("\"_auth\"") {
        return None;
    }
    let mut frame = serde_json::from_str::<Map<String, Value>>(text).ok()?;
    let auth = frame.shift_remove("_auth")?;
    frame.shift_remove("_method");
    let msg_id = take_key(&mut frame, "_msg_id");
    let client = take_key(&mut frame, "_client");
    if !frame.is_empty() {
        return None;
    }
    let token = match &auth {
        Value::Object(auth) if auth.len() == 1 => auth.get("token").and_then(Value::as_str),
        _ => None,
    };
    Some(match (msg_id, client, token) {
        (Ok(msg_id), Ok(_), Some(token)) => Ok(Credentials {
            token: token.to_owned(),
            msg_id,
        }),
        (Ok(msg_id), Ok(_), None) => {
            let text = "`_auth` must be {\"token\": \"…\"}; the frame was not taken for a message";
            Err(refused(Rejection::new(code::BAD_KEY, text), msg_id))
        }
        (Ok(msg_id), Err(rejection), _) => Err(refused(rejection, msg_id)),
        (Err(rejection), _, _) => Err(refused(rejection, None)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_a_message() {
        let token = |text: &str| match read(text)? {
            Ok(credentials) => Some(Ok((credentials.token, credentials.msg_id))),
            Err(undecodable) => Some(Err(undecodable.rejection.code.into_owned())),
        };
        let ok = |token: &str, id: Option<&str>| Some(Ok((token.into(), id.map(str::to_owned))));
        assert_eq!(token(r#"{"_auth": {"token": "t"}}"#), ok("t", None));
        let with_id = r#"{"_msg_id": 7, "_auth": {"token": "t"}, "_client": "c"}"#;
        assert_eq!(token(with_id), ok("t", Some("7")));
        let with_method = r#"{"_method": "POST", "_auth": {"token": "t"}}"#;
        assert_eq!(token(with_method), ok("t", None));
        for message in [
            r#"{"body": "\"_auth\""}"#,
            r#"{"body": "x", "_auth": {"token": "t"}}"#,
            r#"{"_type": "login", "_auth": {"token": "t"}}"#,
            r#"{"_type": "_auth"}"#,
            r#"["_auth"]"#,
            r#"{"_auth""#,
            "{}",
        ] {
            assert_eq!(token(message), None, "{message}");
        }
        for nonsense in [
            r#"{"_auth": "t"}"#,
            r#"{"_auth": {}}"#,
            r#"{"_auth": {"token": 1}}"#,
            r#"{"_auth": {"token": "t", "x": 1}}"#,
            r#"{"_auth": {"token": "t"}, "_msg_id": {}}"#,
        ] {
            assert_eq!(
                token(nonsense),
                Some(Err(code::BAD_KEY.into())),
                "{nonsense}"
            );
        }
    }
}
