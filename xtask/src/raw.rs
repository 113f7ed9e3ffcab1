//! Guests that no compiler would make, from the text form of WebAssembly.
//!
//! Each file in tests/components/raw is one way to break the rules between a component and
//! its host. It has what is special about it; what it does not define itself comes from
//! the files in `parts`. `@VERSION` in a name is the version of `wit/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::{wasm, workspace};

/// What a file defines if it is special about it, and where it comes from if not.
const PARTS: [(&str, &str); 10] = [
    ("(memory ", "memory.wat"),
    ("(func $describe ", "describe.wat"),
    ("(func $calls ", "calls.wat"),
    ("(func $attack ", "attack.wat"),
    ("(func $bump ", "bump.wat"),
    ("(func $realloc ", "realloc.wat"),
    ("(func $handle ", "handle.wat"),
    ("(func $open ", "open.wat"),
    ("(func $attack_open ", "attack-open.wat"),
    ("(data $answer ", "answer.wat"),
];

/// Makes them all, as raw_NAME.wasm in `folder`.
pub fn build(folder: &Path) -> Result<()> {
    for file in wasm::entries(&source())? {
        if file.extension().is_none_or(|end| end != "wat") {
            continue;
        }
        let component = component(&file).with_context(|| file.display().to_string())?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("raw_{}.wasm", name.replace('-', "_"));
        let half = folder.join(&name).with_extension("wasm.part");
        fs::write(&half, component).and_then(|()| fs::rename(&half, folder.join(name)))?;
    }
    Ok(())
}

fn source() -> PathBuf {
    workspace::root().join("tests/components/raw")
}

fn component(file: &Path) -> Result<Vec<u8>> {
    let special = fs::read_to_string(file)?;
    let mut text = special.clone();
    for (definition, part) in PARTS {
        if !special.contains(definition) {
            text += &fs::read_to_string(source().join("parts").join(part))?;
        }
    }
    let mut resolve = Resolve::default();
    let (plugin, _) = resolve.push_path(workspace::root().join("wit"))?;
    let name = &resolve.packages[plugin].name;
    let Some(version) = &name.version else {
        bail!("the package {name} in wit/ has no version");
    };
    let text = text.replace("@VERSION", &format!("@{version}"));
    let mut module = wat::parse_str(format!("(module\n{text})"))?;
    let hooks = ["describe", "open", "handlers"];
    let hooks = hooks.map(|hook| format!("include hookcast:plugin/{hook}-hook@{version}; "));
    let world = format!("package hookcast:raw; world raw {{ {} }}", hooks.concat());
    let package = resolve.push_str("raw.wit", &world)?;
    let world = resolve.select_world(&[package], Some("raw"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}
