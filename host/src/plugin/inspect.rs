//! What a file imports and exports, read before anything of it is compiled.

use wasmparser::{CanonicalFunction, CanonicalOption, Encoding, Parser, Payload};

use super::grant::Grant;
use super::hook::Hook;
use super::imports;
use super::load::MissingGrant;
use super::settings::PluginSettings;

/// The package whose interfaces are hooks and host functions, and its version here.
const PACKAGE: &str = "hookcast:plugin/";
const VERSION: &str = "0.1";

/// The outside of a component.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Names of imports, in the component's order.
    pub imports: Vec<String>,
    /// Names of exports, likewise.
    pub exports: Vec<String>,
    /// A function is exported the asynchronous way, which this host does not run.
    pub lifts_async: bool,
}

/// Makes a component of the bytes: a component is taken as it is, a core module is
/// wrapped by what its metadata says.
pub fn to_component(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.get(..4) != Some(b"\0asm") {
        return Err(
            "the file is no WebAssembly (it does not begin with `\\0asm`); upload the .wasm \
             that `cargo build --target wasm32-wasip2` makes, or a script in JavaScript"
                .into(),
        );
    }
    // The layer: 0 is a core module, 1 a component.
    match bytes.get(6) {
        Some(1) => Ok(bytes),
        Some(0) => wrap(&bytes),
        _ => Err("the file is cut off or of an unknown kind of WebAssembly; build it again".into()),
    }
}

fn wrap(module: &[u8]) -> Result<Vec<u8>, String> {
    let encode = || {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(module)?
            .encode()
    };
    encode().map_err(|error| {
        format!(
            "the file is a core module that can't be made a component: {error:#}. Build it for \
             wasm32-wasip2, or for wasm32-unknown-unknown without WASI"
        )
    })
}

/// Reads a component's imports and exports.
pub fn outside(component: &[u8]) -> Result<Outside, String> {
    let mut outside = Outside::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| {
            format!("the file is cut off or damaged: {error}. Build or upload it again")
        })?;
        // Modules and components inside have imports and exports of their own.
        match payload {
            Payload::Version {
                encoding: Encoding::Module | Encoding::Component,
                ..
            } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| error.to_string())?;
                    outside.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(|error| error.to_string())?;
                    outside.exports.push(export.name.name.to_owned());
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function.map_err(|error| error.to_string())?;
                    if let CanonicalFunction::Lift { options, .. } = function {
                        outside.lifts_async |= options.contains(&CanonicalOption::Async);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(outside)
}

/// Checks imports against what is granted. The error names every import that is not, and
/// what to do about each.
pub fn check_imports(
    outside: &Outside,
    plugin: &str,
    settings: &PluginSettings,
) -> Result<(), String> {
    let refused = outside.imports.iter().filter_map(|import| {
        let remedy = remedy(import, plugin, settings)?;
        Some(format!("it imports `{import}`: {remedy}"))
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(refused.join("; "))
    }
}

/// The imports that a grant would let pass.
pub fn missing_grants(
    outside: &Outside,
    plugin: &str,
    settings: &PluginSettings,
) -> Vec<MissingGrant> {
    let missing = outside.imports.iter().filter_map(|import| {
        let granted = settings.grants.iter().any(|grant| grant.is_for(import));
        let grants = Grant::forms_for(import);
        let first = grants.first().filter(|_| !granted)?;
        let names = settings.grants.iter().map(Grant::name);
        let all = names.chain([(*first).into()]);
        let all: Vec<_> = all.map(|grant| format!("{grant:?}")).collect();
        Some(MissingGrant {
            import: import.clone(),
            config: format!("[plugins.{plugin}]\ngrants = [{}]", all.join(", ")),
            grants,
        })
    });
    missing.collect()
}

/// What to do about an import; none when it is granted.
fn remedy(import: &str, plugin: &str, settings: &PluginSettings) -> Option<String> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let package = interface.split('/').next().unwrap_or(interface);
    let kv = imports::KV.contains(&interface);
    let http = imports::HTTP.contains(&interface);
    let alerts = interface == imports::ALERTS;
    let by_grant = interface == imports::ROWS || kv || http || alerts;
    if imports::ALWAYS.contains(&interface) || by_grant {
        let wanted = offered_version(interface);
        if !same_line(version, wanted) {
            return Some(format!(
                "this server offers version {wanted}; build the plugin against the server's `wit/`"
            ));
        }
        if interface == imports::ROWS && !imports::rows_granted(settings) {
            return Some(format!(
                "add \"rows:read\" or \"rows:write\" to `grants` of [plugins.{plugin}]"
            ));
        }
        if kv && !settings.granted(&Grant::Kv) {
            return Some(format!("add \"kv\" to `grants` of [plugins.{plugin}]"));
        }
        if alerts && !settings.granted(&Grant::Alerts) {
            return Some(format!("add \"alerts\" to `grants` of [plugins.{plugin}]"));
        }
        if http && !settings.grants_http() {
            return Some(format!(
                "add the hosts that it may call to `grants` of [plugins.{plugin}], such as \
                 \"http:api.example.com\""
            ));
        }
        return None;
    }
    Some(match package {
        "hookcast:plugin" => "this server has no such host function; build the plugin against \
                              the server's `wit/`"
            .into(),
        "wasi:http" => "plugins send HTTP requests and don't answer any; remove the handler".into(),
        _ => "this server does not offer it; remove what needs it, or build with a \
              `wasm32-wasip2` toolchain"
            .into(),
    })
}

fn offered_version(interface: &str) -> &'static str {
    match interface {
        "wasi:logging/logging" => "0.1.0-draft",
        "wasi:config/store" => "0.2.0-rc.1",
        _ if interface.starts_with("wasi:keyvalue/") => "0.2.0-draft",
        _ if interface.starts_with("hookcast:") => "0.1.1",
        _ => "0.2",
    }
}

/// Whether a version links with the one offered. Drafts link only with themselves, the
/// others with every version of their minor line.
fn same_line(version: &str, offered: &str) -> bool {
    if offered.contains('-') {
        return version == offered;
    }
    let line = |version: &str| {
        let mut parts = version.split('.');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    !version.contains('-') && line(version) == line(offered)
}

/// The hooks that are exported, `describe` not among them.
pub fn exported_hooks(outside: &Outside) -> Result<Vec<Hook>, String> {
    let ours = outside.exports.iter().filter_map(|export| {
        let (interface, version) = export.split_once('@')?;
        Some((export, interface.strip_prefix(PACKAGE)?, version))
    });
    let mut hooks = Vec::new();
    let mut described = false;
    for (export, name, version) in ours {
        if !same_line(version, VERSION) {
            return Err(format!(
                "it exports `{export}`, and this server runs {PACKAGE}*@{VERSION}; build the \
                 plugin against the server's `wit/`"
            ));
        }
        match Hook::parse(name) {
            Some(Hook::Describe) => described = true,
            Some(hook) => hooks.push(hook),
            // A hook of a later version: not called, as `describe` can't list it either.
            None => {}
        }
    }
    if hooks.is_empty() {
        return Err(format!(
            "it exports no hook. It exports {}; a plugin exports `{PACKAGE}describe` and one or \
             more of {}",
            listed(outside.exports.iter().map(String::as_str)),
            listed(Hook::CALLABLE.iter().map(|hook| hook.name())),
        ));
    }
    if !described {
        return Err(format!(
            "it exports hooks but not `{PACKAGE}describe@{VERSION}.0`, which says which of them \
             to call; export it, or use the SDK's `export!`"
        ));
    }
    Ok(hooks)
}

/// Whether fixtures are exported that the plugin wants to be checked by.
pub fn exports_self_test(outside: &Outside) -> bool {
    let ours = |export: &String| {
        let (interface, version) = export.split_once('@')?;
        let name = interface.strip_prefix(PACKAGE)?;
        Some(name == "self-test" && same_line(version, VERSION))
    };
    outside
        .exports
        .iter()
        .any(|export| ours(export) == Some(true))
}

/// Names for a sentence: "`a`, `b`", or "nothing".
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_granted_or_refused_with_a_remedy() {
        let usual = PluginSettings::default();
        for granted in [
            "hookcast:plugin/types@0.1.0",
            "hookcast:plugin/messaging@0.1.7",
            "wasi:cli/exit@0.2.0",
            "wasi:io/streams@0.2.12",
            "wasi:sockets/tcp@0.2.9",
            "wasi:logging/logging@0.1.0-draft",
        ] {
            assert_eq!(remedy(granted, "p", &usual), None, "{granted}");
        }
        for (refused, says) in [
            ("hookcast:plugin/rows@0.1.0", "grants` of [plugins.p]"),
            ("hookcast:plugin/messaging@0.2.0", "offers version 0.1.1"),
            ("hookcast:plugin/magic@0.1.0", "no such host function"),
            ("wasi:io/streams@0.3.0", "offers version 0.2"),
            ("wasi:logging/logging@0.1.0", "0.1.0-draft"),
            ("wasi:sockets/tls@0.2.0", "does not offer"),
            ("wasi:http/types@0.2.0", "\"http:api.example.com\""),
            ("wasi:http/outgoing-handler@0.2.0", "grants` of [plugins.p]"),
            ("wasi:http/outgoing-handler@0.3.0", "offers version 0.2"),
            ("wasi:http/incoming-handler@0.2.0", "don't answer"),
            ("wasi:keyvalue/store@0.2.0-draft", "add \"kv\" to `grants`"),
            ("wasi:keyvalue/store@0.2.0-draft2", "0.2.0-draft"),
            ("wasi:keyvalue/watcher@0.2.0-draft", "does not offer"),
            ("hookcast:plugin/kv@0.1.1", "add \"kv\" to `grants`"),
            ("hookcast:plugin/alerts@0.1.1", "add \"alerts\" to `grants`"),
            ("env", "does not offer"),
        ] {
            let told = remedy(refused, "p", &usual).expect(refused);
            assert!(told.contains(says), "{refused}: {told}");
        }
        let http = Grant::parse("http:example.com").expect("a grant");
        let grants = vec![Grant::RowsWrite, Grant::Kv, http];
        let granted = PluginSettings { grants, ..usual };
        for import in [
            "hookcast:plugin/rows@0.1.0",
            "hookcast:plugin/kv@0.1.1",
            "wasi:keyvalue/batch@0.2.0-draft",
            "wasi:http/outgoing-handler@0.2.12",
        ] {
            assert_eq!(remedy(import, "p", &granted), None, "{import}");
        }
    }

    #[test]
    fn every_import_that_is_refused_is_named() {
        let imports = ["wasi:nn/graph@0.2.0", "wasi:http/types@0.2.0"];
        let outside = Outside {
            imports: imports.map(str::to_owned).into(),
            ..Outside::default()
        };
        let error = check_imports(&outside, "p", &PluginSettings::default()).expect_err("refused");
        assert!(
            imports.iter().all(|import| error.contains(import)),
            "{error}"
        );
    }

    #[test]
    fn missing_grants_come_with_the_line_to_write() {
        let outside = Outside {
            imports: vec![
                "hookcast:plugin/rows@0.1.0".into(),
                "wasi:cli/exit@0.2.0".into(),
            ],
            ..Outside::default()
        };
        let grants = vec![Grant::Kv];
        let settings = PluginSettings {
            grants,
            ..PluginSettings::default()
        };
        let missing = missing_grants(&outside, "p", &settings);
        assert_eq!(
            missing,
            [MissingGrant {
                import: "hookcast:plugin/rows@0.1.0".into(),
                grants: vec!["rows:read", "rows:write"],
                config: "[plugins.p]\ngrants = [\"kv\", \"rows:read\"]".into(),
            }]
        );
        let grants = vec![Grant::RowsRead];
        let settings = PluginSettings { grants, ..settings };
        assert_eq!(missing_grants(&outside, "p", &settings), []);
    }

    #[test]
    fn hooks_are_known_by_their_version_line() {
        let exports = |names: &[&str]| Outside {
            exports: names.iter().map(ToString::to_string).collect(),
            ..Outside::default()
        };
        let describe = "hookcast:plugin/describe@0.1.0";
        let hooks = exported_hooks(&exports(&[describe, "hookcast:plugin/modify@0.1.3"]));
        assert_eq!(hooks, Ok(vec![Hook::Modify]));
        let error = exported_hooks(&exports(&[describe, "hookcast:plugin/modify@0.2.0"]));
        assert!(error.expect_err("refused").contains("@0.2.0"));
        let error = exported_hooks(&exports(&["hookcast:plugin/modify@0.1.0"]));
        assert!(
            error
                .expect_err("refused")
                .contains("not `hookcast:plugin/describe")
        );
    }
}
