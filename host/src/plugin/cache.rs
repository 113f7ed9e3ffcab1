//! Compiled components on disk, so that a restart does not compile again.
//!
//! wasmtime runs what it deserializes without checking it: whoever can write a cached
//! file would run code in the server. So the folder is private, and each file carries a
//! MAC with a key of this host; one that does not match is compiled anew, never loaded.

mod recent;

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::codegen;
use recent::Recent;

/// Bytes of all cached files together; the ones not written for longest go first.
const LIMIT: u64 = 512 << 20;

/// Bytes of a MAC, of a digest and of the key.
const TAG: usize = 32;

const KEY: &str = "host.key";

/// A folder of compiled components.
#[derive(Debug)]
pub struct CompileCache {
    folder: PathBuf,
    key: [u8; TAG],
    recent: Recent,
}

/// Machine code of a component, as wasmtime serialises it.
#[derive(Debug)]
pub struct MachineCode<'a>(Cow<'a, [u8]>);

impl<'a> MachineCode<'a> {
    /// Takes what the compiler made, unchanged. Nothing else may be given to it: to load
    /// the code is to trust it.
    pub(super) fn from_compiler(code: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(code.into())
    }

    /// The component, for an engine with the compiler's settings; wasmtime refuses others.
    pub fn load(&self, engine: &wasmtime::Engine) -> Result<Component, wasmtime::Error> {
        // SAFETY: the bytes must come unchanged from `precompile_component`. A value of
        // this type is made in two places. In `compile.rs`, of what this process compiled,
        // or of what a child wrote to a pipe that nobody else has, which was read to its
        // end and whose writer ended with 0; the child is this server's own executable,
        // compares its settings with the server's, and can be talked into wrong code no
        // more than the compiler in this process. In `CompileCache::load`, of bytes whose
        // MAC shows that they are such code.
        #[expect(unsafe_code, reason = "there is no safe way to load compiled code")]
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}

impl CompileCache {
    /// Opens the folder, creating it (mode 0700) and the host's key in it (0600).
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        // It may have been there before, with other permissions.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let key = host_key(&folder)?;
        let recent = Recent::default();
        Ok(Self {
            folder,
            key,
            recent,
        })
    }

    /// The component with this digest, if this process has loaded it lately; no file is
    /// read for it.
    pub fn recent(&self, engine: &wasmtime::Engine, digest: &[u8; 32]) -> Option<Component> {
        self.recent.find(engine, digest)
    }

    /// Keeps a component in memory for a while.
    pub fn remember(&self, digest: [u8; 32], component: &Component) {
        self.recent.keep(digest, component);
    }

    /// The compiled form of the component with this digest; none when there is none, or
    /// none that can be trusted.
    pub fn load(&self, engine: &wasmtime::Engine, digest: &[u8; 32]) -> Option<Component> {
        let name = file_name(engine, digest);
        let bytes = fs::read(self.folder.join(&name)).ok()?;
        let (tag, compiled) = bytes.split_first_chunk::<TAG>()?;
        if !same(tag, &self.mac(&name, compiled)) {
            tracing::warn!(
                file = name,
                "cached code of a plugin was changed by someone; compiling it again"
            );
            return None;
        }
        // `store` signs nothing but code from the compiler, and the key is one that only
        // this host's user can read. The bytes were read before they were checked, so
        // nobody can exchange them in between.
        let loaded = MachineCode::from_compiler(compiled).load(engine);
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!(
                    file = name,
                    "cached code does not fit this engine: {error:#}"
                );
                None
            }
        }
    }

    /// Keeps the compiled form. Failing to is no error of the plugin's: the caller logs
    /// it and goes on.
    pub fn store(
        &self,
        engine: &wasmtime::Engine,
        digest: &[u8; 32],
        MachineCode(code): &MachineCode<'_>,
    ) -> io::Result<()> {
        let name = file_name(engine, digest);
        let tag = self.mac(&name, code);
        write_private(&self.folder, &name, &[&tag, code])?;
        self.prune()
    }

    fn mac(&self, name: &str, compiled: &[u8]) -> [u8; TAG] {
        hmac_sha256(&self.key, &[name.as_bytes(), compiled])
    }

    /// Removes the oldest files while there are too many bytes of them.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "cwasm")
            {
                let about = entry.metadata()?;
                files.push((about.modified()?, about.len(), entry.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if bytes <= LIMIT {
                break;
            }
            fs::remove_file(path)?;
            bytes -= size;
        }
        Ok(())
    }
}

/// Digest of the component, and of all in the engine that code depends on.
fn file_name(engine: &wasmtime::Engine, digest: &[u8; 32]) -> String {
    format!("{}-{}.cwasm", hex(digest), codegen::compatibility(engine))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn host_key(folder: &Path) -> io::Result<[u8; TAG]> {
    let path = folder.join(KEY);
    match fs::read(&path) {
        Ok(key) if key.len() == TAG => {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            return Ok(std::array::from_fn(|at| key[at]));
        }
        // A key cut short by a crash is replaced: the cache is lost, nothing else.
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key: [u8; TAG] = rand::random();
    write_private(folder, KEY, &[&key])?;
    Ok(key)
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.{:016x}.tmp", rand::random::<u64>()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part));
    let written = written.and_then(|()| fs::rename(&temporary, folder.join(name)));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// HMAC (RFC 2104) with SHA-256; the key is shorter than a block.
fn hmac_sha256(key: &[u8; TAG], parts: &[&[u8]]) -> [u8; TAG] {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(block, key)| *block ^= key);
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new_with_prefix(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Compares in a time that does not tell where the first difference is.
fn same(a: &[u8; TAG], b: &[u8; TAG]) -> bool {
    a.iter()
        .zip(b)
        .fold(0, |difference, (a, b)| difference | (a ^ b))
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_hmac_sha256() {
        // From `openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b… `, message "Hi There".
        let mac = hmac_sha256(&[0x0b; TAG], &[b"Hi ", b"There"]);
        assert_eq!(
            hex(&mac),
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
        );
    }

    #[test]
    fn the_key_survives_and_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = CompileCache::open(folder.path().join("cache")).expect("opens");
        let again = CompileCache::open(folder.path().join("cache")).expect("opens");
        assert_eq!(first.key, again.key);
        let mode = |path: PathBuf| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().join("cache")), 0o700);
        assert_eq!(mode(folder.path().join("cache").join(KEY)), 0o600);
    }
}
