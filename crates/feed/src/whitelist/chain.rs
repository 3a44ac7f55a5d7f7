//! The names that whitelist publishers give to chains.

/// Name and EIP-155 id. The first name of an id is the one that Weir publishes under.
const NAMES: &[(&str, u64)] = &[
    ("ethereum", 1),
    ("mainnet", 1),
    ("optimism", 10),
    ("bsc", 56),
    ("unichain", 130),
    ("polygon", 137),
    ("base", 8_453),
    ("arbitrum", 42_161),
    ("weir", 61_972),
    ("sepolia", 11_155_111),
];

/// The chain that publishers mean by `name`.
pub(super) fn chain_id_of(name: &str) -> Option<u64> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, chain_id)| *chain_id)
}

/// The name in subjects of whitelists for `chain_id`; its decimal id if it has no name.
pub fn whitelist_chain_name(chain_id: u64) -> String {
    let name = NAMES.iter().find(|(_, known)| *known == chain_id);
    name.map_or_else(|| chain_id.to_string(), |(name, _)| (*name).to_owned())
}
