//! A folder of fixtures, of which the newest are kept. Nobody but the server's user can
//! read it: messages are personal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::plugin::fixture::Fixture;

/// Most bytes of one file. A larger fixture goes without its answers.
const SIZE: usize = 1 << 20;

/// A folder and how many fixtures it holds.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    keep: usize,
}

impl Shelf {
    pub fn new(folder: PathBuf, keep: usize) -> Self {
        Self { folder, keep }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it keeps anything.
    pub fn is_open(&self) -> bool {
        self.keep > 0
    }

    /// Writes a fixture and removes the oldest ones that are too many.
    pub fn put(&self, id: &str, fixture: &Fixture) -> io::Result<()> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        let text = self.text(fixture)?;
        let temporary = self.folder.join(format!(".{id}.tmp"));
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, self.path(id))?;
        let ids = self.ids()?;
        for old in &ids[..ids.len().saturating_sub(self.keep)] {
            fs::remove_file(self.path(old))?;
        }
        Ok(())
    }

    fn text(&self, fixture: &Fixture) -> io::Result<String> {
        let mut shown = fixture.to_json();
        let text = serde_json::to_string_pretty(&shown)?;
        if text.len() <= SIZE {
            return Ok(text);
        }
        shown["answers"] = Value::Null;
        shown["cut"] = true.into();
        let text = serde_json::to_string_pretty(&shown)?;
        if text.len() <= SIZE {
            return Ok(text);
        }
        let problem = format!("it has {} bytes; {SIZE} are kept", text.len());
        Err(io::Error::other(problem))
    }

    /// What is kept, newest first: each with its id and where it is from.
    pub fn list(&self) -> io::Result<Vec<Value>> {
        let ids = self.ids()?;
        let shown = ids.iter().rev().filter_map(|id| {
            // One that was removed in between is no error.
            let fixture = self.get(id).ok().flatten()?;
            let recorded = &fixture["recorded"];
            Some(json!({
                "id": id,
                "hook": fixture["hook"],
                "endpoint": fixture["call"]["endpoint"],
                "time": recorded["time"],
                "version": recorded["version"],
                "generation": recorded["generation"],
                "digest": recorded["digest"],
                "message": recorded["message"],
                "fails": fixture["expect"]["fails"],
                "error": recorded["error"],
            }))
        });
        Ok(shown.collect())
    }

    /// A fixture by its id; none when there is none.
    pub fn get(&self, id: &str) -> io::Result<Option<Value>> {
        if !is_id(id) {
            return Ok(None);
        }
        match File::open(self.path(id)) {
            Ok(file) => Ok(Some(serde_json::from_reader(io::BufReader::new(file))?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Oldest first: ids are times.
    fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(id.filter(|id| is_id(id)).map(str::to_owned));
        }
        ids.sort();
        Ok(ids)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// Digits and dashes: an id is part of a path.
fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 40 && text.bytes().all(plain)
}
