//! What tests share: a real server, real clients, and patience.

pub mod admin;
pub mod bomb;
pub mod client;
pub mod command;
pub mod database;
pub mod databases;
pub mod events;
pub mod guests;
pub mod http;
pub mod kept;
pub mod load;
pub mod log;
pub mod meddler;
pub mod patience;
pub mod processes;
pub mod raw;
pub mod require;
pub mod server;
pub mod smtp;
pub mod tokens;

pub use client::TestClient;
pub use events::EventStream;
pub use patience::{eventually, within};
pub use server::{Setup, TestServer};
