//! Hookcast: a publish-subscribe server whose logic is plugged in as sandboxed
//! WebAssembly components. ARCHITECTURE.md says which file does what.

pub mod admin;
pub mod alert;
pub mod app;
#[cfg(test)]
mod architecture;
pub mod args;
pub mod auth;
pub mod background;
pub mod bearer;
pub mod cli;
pub mod clock;
pub mod close_code;
pub mod compare;
pub mod config;
pub mod connection;
pub mod date;
pub mod deliver;
pub mod dialect;
pub mod directory;
pub mod effects;
pub mod endpoint;
pub mod expression;
pub mod filter;
pub mod frame;
#[cfg(test)]
mod golden;
pub mod http;
pub mod id;
pub mod judge;
pub mod kv;
pub mod log;
pub mod maintenance;
pub mod nearest;
pub mod page;
pub mod plugin;
pub mod plugin_config;
pub mod problem;
pub mod rate;
pub mod rejection;
pub mod reload;
pub mod routes;
pub mod row;
pub mod serve;
pub mod server;
pub mod storage;
pub mod storages;
pub mod telemetry;
pub mod tls;
pub mod waiting;
