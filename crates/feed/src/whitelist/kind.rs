//! What a message does to the list.

use std::fmt;

/// What a message does to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WhitelistKind {
    /// It replaces the list.
    Full,
    /// It adds pools.
    Add,
    /// It removes pools.
    Remove,
}

impl WhitelistKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Full, Self::Add, Self::Remove];

    /// The name in `type` and as the last token of a subject.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of a message without `type` under a subject that ends with this token. `minimal` is a full list.
    pub fn from_subject_token(token: &str) -> Option<Self> {
        if token == "minimal" { Some(Self::Full) } else { Self::from_name(token) }
    }
}

impl fmt::Display for WhitelistKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
