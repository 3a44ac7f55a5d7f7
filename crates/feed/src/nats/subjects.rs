//! Names of subjects.

use super::NatsWhitelistUrl;
use crate::whitelist::{WhitelistKind, whitelist_chain_name};

/// Where consumers ask all publishers to send their full lists again.
pub(super) const RESEED: &str = "whitelist.reseed";

/// The subjects of one chain. Publishers call it by its name or by its decimal id; readers listen to both.
#[derive(Debug, Clone)]
pub(super) struct Subjects {
    /// The name that we publish under first.
    names: Vec<String>,
}

impl Subjects {
    pub(super) fn new(url: &NatsWhitelistUrl, chain_id: u64) -> Self {
        let name = url.chain().map_or_else(|| whitelist_chain_name(chain_id), str::to_owned);
        let id = chain_id.to_string();
        let names = if name == id { vec![id] } else { vec![name, id] };
        Self { names }
    }

    /// All that publishers send.
    pub(super) fn pools(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().map(|name| format!("whitelist.pools.{name}.*"))
    }

    /// Where to publish a message of this kind.
    pub(super) fn publication(&self, kind: WhitelistKind) -> String {
        format!("whitelist.pools.{}.{kind}", self.names[0])
    }

    /// Where full lists are asked for.
    pub(super) fn requests(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().map(|name| format!("whitelist.snapshot.request.{name}"))
    }

    /// Where consumers acknowledge; the first is where we do.
    pub(super) fn applied(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().map(|name| format!("whitelist.applied.{name}"))
    }
}

/// The kind that a subject's last token says.
pub(super) fn kind_of(subject: &str) -> Option<WhitelistKind> {
    WhitelistKind::from_subject_token(subject.rsplit('.').next()?)
}
