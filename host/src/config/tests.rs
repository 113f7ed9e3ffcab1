//! The config as a whole. What can be wrong with a file is tested by cases: each
//! `cases/NAME.toml` must give the errors in `cases/NAME.error`. After a change of
//! wording, `HOOKCAST_BLESS=1 cargo test -p hookcast config::` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::reader::{Reading, Section};
use super::*;
use crate::golden::{compare, repository};
use crate::row::{Cell, ColumnType};

/// A plugins folder: `chat` and `moderate`, `double` with two files, and files that are no
/// plugins.
fn plugins_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in [
        "chat.wasm",
        "moderate.js",
        "double.wasm",
        "double.mjs",
        "chat.wasm.tmp",
        "README.md",
    ] {
        fs::write(folder.path().join(name), "").expect("a file");
    }
    folder
}

/// Reads a text. `${PLUGINS}` is a folder with the plugins `chat` and `moderate`.
fn parse(text: &str, file: &str) -> Result<Config, ConfigErrors> {
    let plugins = plugins_folder();
    let environment = |name: &str| match name {
        "PLUGINS" => Some(plugins.path().display().to_string()),
        _ => None,
    };
    let mut result = Config::parse(text, Path::new(file), &environment);
    // The folder has another name in each run.
    let folder = plugins.path().display().to_string();
    for error in result
        .as_mut()
        .err()
        .into_iter()
        .flat_map(|e| &mut e.errors)
    {
        error.what = error.what.replace(&folder, "plugins");
    }
    result
}

fn parsed(text: &str) -> Config {
    parse(text, "hookcast.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn errors_name_place_and_remedy() {
    let folder = repository("host/src/config/cases");
    let mut cases = 0;
    for entry in fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        cases += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).expect("a case");
        let errors = match parse(&text, &name) {
            Ok(_) => panic!("{name} has no errors"),
            Err(errors) => format!("{errors}\n"),
        };
        compare(&path.with_extension("error"), &errors);
    }
    assert!(cases > 15, "only {cases} cases were found");
}

/// The reference, read as if its plugin were there.
fn reference() -> String {
    let text = fs::read_to_string(repository("config/reference.toml")).expect("the reference");
    text.replace("dir = \"plugins\"", "dir = \"${PLUGINS}\"")
}

#[test]
fn the_reference_has_every_key() {
    let text = reference();
    let table = DeTable::parse(&text).expect("TOML");
    let reading = Reading::new(&text, &|_| Some(String::new()));
    Config::read(
        Section::root(&reading, table.get_ref()),
        Path::new("reference.toml"),
    );

    let known = reading.known_keys();
    let mut shown = BTreeSet::new();
    for (name, value) in table.get_ref() {
        keys_below(name.get_ref(), value.get_ref(), &known, &mut shown);
    }
    // What can't stand beside another key is in a comment.
    let commented = |key: &&String| {
        let name = key.rsplit('.').next().unwrap_or_default();
        text.contains(&format!("\n# {name} = "))
    };
    let missing = known.difference(&shown).filter(|key| !commented(key));
    let missing: Vec<_> = missing.collect();
    assert!(
        missing.is_empty(),
        "not in config/reference.toml: {missing:?}"
    );
}

/// Collects the keys of a table as the reader names them: with `*` for chosen names.
fn keys_below(
    key: &str,
    value: &DeValue<'_>,
    known: &BTreeSet<String>,
    shown: &mut BTreeSet<String>,
) {
    shown.insert(key.to_owned());
    if let DeValue::Table(table) = value {
        for (name, value) in table {
            let named = format!("{key}.{}", name.get_ref());
            let chosen = format!("{key}.*");
            let inner = if known.contains(&named) {
                named
            } else {
                chosen
            };
            keys_below(&inner, value.get_ref(), known, shown);
        }
    }
}

#[test]
fn the_reference_shows_the_defaults() {
    let shown = parsed(&reference());
    // What the reference's comments say has no default, or another one.
    let least = "
        [plugins]
        dir = '${PLUGINS}'
        [plugins.chat]
        grants = ['rows:read', 'rows:write', 'kv']
        config.words = 'a, b'
        limits.output = '64 KiB'
        limits.transfer = '2 MiB'
        [storages.archive]
        url = 'sqlite://data/archive.db'
        [mail.post]
        url = 'smtps://smtp.example.org'
        from = 'Example <noreply@example.org>'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        columns.topic = { type = 'TEXT', nullable = false, default = 'general' }
        plugins = ['chat']
        auth.condition = \"user == null || user.?role.orValue('') != 'guest'\"
        alert.name = 'post'
        alert.condition = 'size(msg.body) > 0'
        alert.to = '{{ to }}'
        alert.from = 'chat@example.org'
        alert.on_behalf_of = '{{ sender.id }}@example.org'
        alert.subject = 'Message: {{ body }}'
        alert.body = '{{ body }}'
        alert.html = '<p>{{ body }}</p>'
        alert.images.logo = 'logo.png'
        alert.digest = '10m'
        alert.webhook = { url = 'https://hooks.example.org/chat', secret = 'none' }
        open.topic = \"['general']\"
        message_default.POST.length = 'size(msg.body)'
        message_default.PUT.edited = 'now'
        message_default.DELETE.by = 'user == null ? null : user.id'
        methods.POST = 'true'
        methods.PUT = 'row.user == user.id'
        methods.DELETE = \"user.role == 'admin'\"
    ";
    let mut least = parsed(least);
    least.plugins.dir = shown.plugins.dir.clone();
    assert_eq!(shown, least);
}

#[test]
fn the_smallest_config_works() {
    let text = fs::read_to_string(repository("config/hookcast.toml")).expect("the config");
    parsed(&format!("{text}\n[plugins]\ndir = '${{PLUGINS}}'"));
}

#[test]
fn columns_keep_their_order_and_are_completed() {
    let config = parsed(
        "[endpoints.chat]
        path = '/chat'
        columns.zebra = 'varchar(20)'
        columns.apple = { type = 'INTEGER', default = 3 }
        columns.id = 'TEXT'",
    );
    let table = config.endpoints["chat"].table.as_ref().expect("a table");
    let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["zebra", "apple", "id", "user", "timestamp"]);
    assert_eq!(table.columns[0].kind, ColumnType::Text);
    assert_eq!(table.columns[1].default, Cell::Integer(3));
    assert!(!table.columns[2].nullable, "id is never NULL");
}

#[test]
fn places_are_those_of_the_file() {
    let config = parsed("[endpoints.chat]\npath = '/ä'\n".replace('ä', "a").as_str());
    assert_eq!(config.place("endpoints.chat.path"), "hookcast.toml:2:1");
    // An absent key is where its section is; an absent section where the file is.
    let section = config.place("endpoints.chat.table");
    assert_eq!(section, "hookcast.toml:1:12");
    assert_eq!(config.place("storage.url"), "hookcast.toml");

    let place = Place::of("a\nbäc", "a\nbä".len());
    assert_eq!((place.line, place.column), (2, 3));
}

#[test]
fn equal_configs_may_stand_elsewhere() {
    let one = parsed("[endpoints.chat]\npath = '/chat'");
    let two = parsed("# moved\n\n[endpoints]\nchat = { path = '/chat', in_flight = 64 }");
    assert_eq!(one, two);
    assert!(one.changes_that_need_restart(&two).is_empty());
}

#[test]
fn a_reload_says_what_needs_a_restart() {
    let old = parsed("[endpoints.chat]\npath = '/chat'\n[endpoints.old]\npath = '/old'");
    let new = parsed(
        "[server]
        listen = '127.0.0.1:9090'
        page = true
        [storage]
        url = 'sqlite://other.db'
        [endpoints.chat]
        path = '/talk'
        table = 'talk'
        columns.body = 'TEXT'
        in_flight = 1
        [endpoints.new]
        path = '/new'",
    );
    assert_eq!(
        old.changes_that_need_restart(&new),
        [
            "server.listen",
            "storage.url",
            "endpoints.chat.table",
            "endpoints.chat.columns"
        ]
    );
}

#[test]
fn the_reference_marks_what_needs_a_restart() {
    let old = parsed(&reference());
    // Different wherever a restart is needed.
    let new = parsed(
        "[server]
        listen = '127.0.0.1:1'
        endpoint_share = 1
        [admin]
        listen = '127.0.0.1:2'
        [storage]
        url = 'sqlite://other.db'
        group_limit = 1
        [storages.archive]
        url = 'sqlite://another.db'
        group_limit = 1
        [engine]
        instances = 999
        stack = '1 MiB'
        cache = 'other'
        http_roots = 'other.pem'
        [plugins]
        dir = 'other'
        archive = 'other'
        keep = 9
        watch = true
        failures = 1
        [endpoints.chat]
        path = '/chat'
        durability = 'ephemeral'
        ring = '1 MiB'",
    );
    // There is only one dialect so far.
    let mut needed = vec!["endpoints.chat.dialect".to_owned()];
    needed.extend(old.changes_that_need_restart(&new));
    needed.sort();
    assert_eq!(needed, marked_keys(&reference()));
}

/// The keys of a file whose comment says `[restart]`, sorted.
fn marked_keys(text: &str) -> Vec<String> {
    let mut marked = Vec::new();
    let (mut section, mut comment) = ("", String::new());
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
        } else if line.starts_with('#') {
            comment += line;
            continue;
        } else if let Some((key, _)) = line.split_once(['.', ' '])
            && comment.contains("[restart]")
        {
            marked.push(format!("{section}.{key}"));
        }
        comment.clear();
    }
    marked.sort();
    marked
}

#[test]
fn caps_lower_what_the_file_does_not_say() {
    let config = parsed(
        "[engine.caps]
        wall = '40ms'
        memory = '16 MiB'
        output = '10 KiB'
        transfer = '1 MiB'
        [plugins]
        dir = '${PLUGINS}'
        [plugins.chat.limits]
        memory = '8 MiB'
        [endpoints.chat]
        path = '/chat'
        plugins = ['chat']",
    );
    let limits = |name: &str, message| {
        let plugin = config.plugins.of(name);
        plugin.limits.with_messages(message, &config.engine.caps)
    };
    let (chat, other) = (limits("chat", Some(5 << 10)), limits("moderate", None));
    assert_eq!((chat.memory, other.memory), (8 << 20, 16 << 20));
    assert_eq!((chat.output, other.output), (5 << 10, 10 << 10));
    assert_eq!((chat.transfer, other.transfer), (1 << 20, 1 << 20));
    // A hook may take no longer than a call.
    let short = std::time::Duration::from_millis(40);
    assert_eq!((other.wall, other.hook), (short, short));
}

#[test]
fn settings_of_an_absent_plugin_are_a_warning() {
    let config = parsed("[plugins.chta]\n[endpoints.chat]\npath = '/chat'");
    assert_eq!(
        config.warnings(),
        [
            "hookcast.toml:1:10: `plugins.chta` has settings, but there is no \
          plugins/chta.wasm (or chta.js); check the name, or add the plugin"
        ]
    );
}

#[test]
fn a_grant_for_no_endpoint_is_a_warning() {
    let config = parsed("[plugins.chat]\ngrants = ['publish:x']\n[endpoints.chat]\npath = '/c'");
    let warnings = config.warnings();
    let told = "hookcast.toml:2:1: `publish:x` is granted, but there is no such endpoint";
    assert!(
        warnings.iter().any(|warning| warning.starts_with(told)),
        "{warnings:?}"
    );
}

#[test]
fn tokens_do_not_reach_logs() {
    let config = parsed("[admin]\ntoken = 'sesame'\n[endpoints.chat]\npath = '/chat'");
    assert!(!format!("{config:?}").contains("sesame"));
    let signing = parsed(
        "[auth]
        jwt.secret = 'sesame-sesame-sesame-sesame-sesame'
        session.secret = 'sesame-sesame-sesame-sesame-sesame'
        [endpoints.chat]
        path = '/chat'",
    );
    assert!(!format!("{signing:?}").contains("sesame"));
    let short = parse(
        "[auth.jwt]\nsecret = 'sesame'\n[endpoints.chat]\npath = '/c'",
        "x.toml",
    );
    let errors = short.expect_err("too short").to_string();
    assert!(
        errors.contains("6 bytes") && !errors.contains("sesame"),
        "{errors}"
    );
    assert_eq!(
        config.admin.token.map(|t| t.reveal().to_owned()),
        Some("sesame".into())
    );
}
