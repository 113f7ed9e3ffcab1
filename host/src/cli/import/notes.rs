//! What a reader of the generated config has to know.

/// Something that could not be carried over as it is, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub line: usize,
    pub kind: Kind,
    /// A sentence without a full stop.
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// More than the config can say; the sketch has a hook for it.
    Plugin,
    /// Nothing that Hookcast has.
    NoEquivalent,
    /// It is there, but look at it.
    Check,
}

impl Kind {
    pub const ALL: [(Self, &str); 3] = [
        (Self::Plugin, "needs a plugin"),
        (Self::NoEquivalent, "has no equivalent"),
        (Self::Check, "to check"),
    ];
}

/// Notes of one part of the file.
#[derive(Debug, Default)]
pub struct Notes(pub Vec<Note>);

impl Notes {
    pub fn plugin(&mut self, line: usize, what: impl Into<String>) {
        self.add(line, Kind::Plugin, what);
    }

    pub fn no_equivalent(&mut self, line: usize, what: impl Into<String>) {
        self.add(line, Kind::NoEquivalent, what);
    }

    pub fn check(&mut self, line: usize, what: impl Into<String>) {
        self.add(line, Kind::Check, what);
    }

    fn add(&mut self, line: usize, kind: Kind, what: impl Into<String>) {
        let what = what.into();
        self.0.push(Note { line, kind, what });
    }
}
