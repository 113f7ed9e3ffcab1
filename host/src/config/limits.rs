//! `[plugins.NAME.limits]`: what one plugin may use.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::engine::EngineConfig;
use super::reader::Section;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const COMPILE_TIME: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// The least is what the compiler needs for nothing.
const COMPILE_MEMORY: RangeInclusive<u64> = 32 * MIB..=64 * 1024 * MIB;

/// Bounds of one plugin. Sizes are bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginLimits {
    /// Time that one hook may run.
    pub hook: Duration,
    /// Time for making an instance and for `describe`.
    pub init: Duration,
    /// Time for one call in all, waiting in host functions included.
    pub wall: Duration,
    /// Linear memory of one instance.
    pub memory: usize,
    /// Table elements of one instance.
    pub tables: usize,
    /// Instances at a time.
    pub instances: u32,
    /// Size of the plugin's file.
    pub component: usize,
    /// Time that compiling it may take.
    pub compile_time: Duration,
    /// Memory that compiling it may take.
    pub compile_memory: usize,
    /// Size of what a hook may return. None: the endpoint's `message_limit`.
    pub output: Option<usize>,
    /// Calls after which a warm instance is replaced.
    pub calls_per_instance: u32,
    /// Length of one line of the log; the rest is cut.
    pub log_line: usize,
    /// Lines of the log per second.
    pub log_rate: u32,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            hook: Duration::from_millis(50),
            init: Duration::from_millis(500),
            wall: Duration::from_secs(1),
            memory: 32 << 20,
            tables: 10_000,
            instances: 32,
            component: 8 << 20,
            compile_time: Duration::from_secs(20),
            compile_memory: 1 << 30,
            output: None,
            calls_per_instance: 10_000,
            log_line: 1 << 10,
            log_rate: 100,
        }
    }
}

impl PluginLimits {
    pub(super) fn read(mut section: Section<'_>, engine: &EngineConfig) -> Self {
        let usual = Self::default();
        let time = Duration::from_millis(1)..=Duration::from_secs(60);
        // A Wasm page; no guest runs with less.
        let memory = 64 * KIB..=4096 * MIB;
        let limits = Self {
            hook: section.read("hook", usual.hook, |value| value.duration(time.clone())),
            init: section.read("init", usual.init, |value| value.duration(time.clone())),
            wall: section.read("wall", usual.wall, |value| value.duration(time.clone())),
            memory: section.read("memory", usual.memory, |value| value.size(memory)),
            tables: section.read("tables", usual.tables, |value| value.whole(1..=10_000_000)),
            instances: section.read("instances", usual.instances, |value| {
                value.whole(1..=20_000)
            }),
            component: section.read("component", usual.component, |value| {
                value.size(KIB..=256 * MIB)
            }),
            compile_time: section.read("compile_time", usual.compile_time, |value| {
                value.duration(COMPILE_TIME)
            }),
            compile_memory: section.read("compile_memory", usual.compile_memory, |value| {
                value.size(COMPILE_MEMORY)
            }),
            output: section.optional("output", |value| value.size(1..=64 * MIB)),
            calls_per_instance: section.read(
                "calls_per_instance",
                usual.calls_per_instance,
                |value| value.whole(1..=u64::from(u32::MAX)),
            ),
            log_line: section.read("log_line", usual.log_line, |value| {
                value.size(64..=64 * KIB)
            }),
            // 0 silences a plugin.
            log_rate: section.read("log_rate", usual.log_rate, |value| value.whole(0..=100_000)),
        };
        if limits.hook > limits.wall {
            let what = format!(
                "`{}.hook` is longer than a whole call may take",
                section.key
            );
            let remedy = "lower it, or raise `wall`";
            section
                .reading
                .report(section.place_of("hook"), what, remedy);
        }
        if limits.instances > engine.instances {
            let what = format!(
                "`{}.instances` is more than all plugins may have",
                section.key
            );
            let remedy = "lower it, or raise `engine.instances`";
            section
                .reading
                .report(section.place_of("instances"), what, remedy);
        }
        section.finish();
        limits
    }
}
