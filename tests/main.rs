//! Integration tests: the real binary, over real sockets, with real plugins.
//!
//! One file is one subject. `cargo xtask test` builds the plugins first and says where
//! they are (`HOOKCAST_GUESTS`).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a test fails by panicking, and has few tasks"
)]

mod support;

mod admin_listener;
mod alerts;
mod chat_in_each_language;
mod compare;
mod compiling;
mod config_reload;
mod conflicts;
mod crash;
mod delivery;
mod durability;
mod endpoints;
mod errors;
mod exchange;
mod expressions;
mod filters;
mod filters_agree;
mod filters_shaping;
mod golden;
mod gramex;
#[cfg(javascript_runtime)]
mod gramex_docs;
mod history;
mod hooks;
mod hooks_chain;
mod hooks_door;
mod hooks_effects;
mod hostile;
mod http_history;
mod http_origins;
mod http_out;
mod http_publish;
mod http_rules;
mod http_view;
mod identity;
mod import;
mod keyvalue;
mod keyvalue_bounds;
mod limits;
mod long_poll;
mod message_ids;
mod messaging;
mod methods;
mod plugin_check;
mod plugin_command;
mod plugin_fixtures;
mod plugin_logs;
mod plugin_watch;
mod plugins_admin;
mod plugins_folder;
mod plugins_page;
mod plugins_refused;
mod plugins_watch;
mod probation;
mod publish;
mod python_plugin;
mod quarantine;
mod rate_limits;
mod recording;
mod reload_under_load;
#[cfg(javascript_runtime)]
mod replies;
mod resume;
mod retention;
mod rollback;
mod rows;
#[cfg(javascript_runtime)]
mod scripts;
mod scripts_without_runtime;
mod shutdown;
mod slow_consumer;
mod sse;
mod storage_trouble;
mod storages;
mod sync_before_ack;
mod versions;
mod waiting;
mod websocket;
