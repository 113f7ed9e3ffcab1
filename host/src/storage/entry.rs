//! The outbox as operators see it.

/// What an operator sees of an alert.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: String,
    pub endpoint: String,
    pub alert: String,
    pub channel: String,
    pub service: String,
    pub recipient: Option<String>,
    pub dead: bool,
    pub attempts: i64,
    pub error: Option<String>,
    /// Microseconds since 1970-01-01 UTC.
    pub created: i64,
    pub due: i64,
}
