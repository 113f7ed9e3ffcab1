//! `hookcast plugin check`: would a server take it, and what does it ask for.

use anyhow::{Result, anyhow};

use super::local::{Local, Which};
use crate::cli::print_line;
use crate::config::show_size;
use crate::plugin::{Generation, Grant, LoadError, PluginSettings, interfaces};

/// Load a plugin without a server, and say what it has and what it needs
///
/// Fails with the error that the server would give.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let local = Local::of(&args.which)?;
    let engine = local.engine(false)?;
    match local.load(&engine).await {
        Ok(generation) => {
            print_line(described(&local, &generation));
            Ok(())
        }
        Err(error) => Err(anyhow!("{error}{}", to_add(&error, &local))),
    }
}

fn described(local: &Local, generation: &Generation) -> String {
    let names = |names: Vec<String>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let hooks = generation.hooks().iter().map(ToString::to_string);
    let types = generation.handlers().iter();
    let types = types.map(|handler| handler.message_type.escape_debug().to_string());
    let limit = local.settings.limits.component;
    let size = format!(
        "{} bytes, `limits.component` is {}",
        generation.size(),
        show_size(limit as u64)
    );
    let mut lines = vec![
        format!(
            "{}: {} {} can be loaded",
            local.file.display(),
            generation.name(),
            generation.version()
        ),
        format!("  hooks     {}", names(hooks.collect())),
        format!("  types     {}", names(types.collect())),
        format!("  size      {size}"),
    ];
    let version = interfaces(&local.bytes).unwrap_or_default();
    lines.push(format!("  wit       hookcast:plugin@{version}"));
    let script = !local.bytes.starts_with(b"\0asm");
    lines.extend(grants(generation.imports(), &local.settings, script));
    lines.join("\n")
}

/// What each grant is for.
fn grants(imports: &[String], settings: &PluginSettings, script: bool) -> Vec<String> {
    let use_of = |grant: &Grant| {
        let mut used = imports.iter().filter(|import| grant.is_for(import));
        match used.next() {
            _ if script => "asked for when the script calls".to_owned(),
            Some(import) => format!("used: it imports `{import}`"),
            None => "not used: take it out of `grants`".to_owned(),
        }
    };
    if settings.grants.is_empty() {
        return vec!["  grants    none given, none missing".to_owned()];
    }
    let grants = settings.grants.iter();
    grants
        .map(|grant| format!("  grant     {}, {}", grant.name(), use_of(grant)))
        .collect()
}

/// What to write into the config for grants that are missing, all of them at once.
fn to_add(error: &LoadError, local: &Local) -> String {
    if error.missing_grants.is_empty() {
        return String::new();
    }
    let given = local
        .settings
        .grants
        .iter()
        .map(|grant| grant.name().into_owned());
    let missing = error.missing_grants.iter();
    let missing = missing.filter_map(|missing| missing.grants.first());
    let mut all: Vec<String> = given.collect();
    for grant in missing {
        if !all.iter().any(|known| known == grant) {
            all.push((*grant).to_owned());
        }
    }
    let all: Vec<_> = all.iter().map(|grant| format!("{grant:?}")).collect();
    let name = &local.name;
    format!(
        "\nWrite into the config:\n\n[plugins.{name}]\ngrants = [{}]",
        all.join(", ")
    )
}
