//! Alerts: mails and webhook calls that messages cause.
//!
//! ```text
//! judge/alert: does this message alert? ─▶ Posted, in the message's own transaction
//!                                             │ outbox (a table)
//! worker: lease ─▶ render ─▶ mail service or webhook ─▶ gone | later | dead letter
//! ```
//!
//! While a message is judged only the condition is evaluated and what templates may need
//! is noted down. Templates are rendered by the worker: a message never waits for one, a
//! template that fails leaves a dead letter that is rendered again once it is mended, and
//! a retry says the same as the first try, because `now()` is the message's time.

pub mod address;
mod digest;
mod failure;
mod job;
mod letter;
mod markdown;
mod mime;
mod occasion;
mod outbox;
mod plugin_mail;
mod posted;
mod rate;
mod service;
mod smtp;
pub mod template;
mod throttle;
mod webhook;
pub mod worker;

pub use occasion::Occasion;
pub use outbox::Outbox;
pub use plugin_mail::PluginMail;
pub use posted::{Channel, Leased, Posted, Posting, Settled};
pub use throttle::Throttle;
