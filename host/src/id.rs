//! Identifiers that leave the process: connections and rows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Id of a connection: unique across servers and restarts. Clients, hooks and the
/// admin API see it as 22 characters of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(Uuid);

impl ConnectionId {
    /// The id of nobody: what fixtures have that name no connection.
    pub const NONE: Self = Self(Uuid::nil());

    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads what `Display` wrote; none when it is no id.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(Uuid::from_slice(&bytes).ok()?))
    }
}

impl std::fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

/// A new row id: a UUID as 22 characters of base64url, as Gramex makes them. It begins
/// with the time (version 7): ids made together lie together in the table's index, and a
/// commit of many rows writes few pages of it.
pub fn row_id() -> String {
    URL_SAFE_NO_PAD.encode(Uuid::now_v7().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_ids_survive_their_text_form() {
        let id = ConnectionId::random();
        assert_eq!(ConnectionId::parse(&id.to_string()), Some(id));
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(ConnectionId::parse("not an id"), None);
    }

    #[test]
    fn row_ids_are_22_characters_and_differ() {
        assert_eq!(row_id().len(), 22);
        assert_ne!(row_id(), row_id());
    }
}
