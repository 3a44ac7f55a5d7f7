//! Nodes as bytes (Yellow Paper, appendix D).

use crate::node::{Branch, Child, HASHED_NODE_BYTES, Node};
use alloc::vec::Vec;
use alloy_rlp::{EMPTY_STRING_CODE, Header};
use alloy_trie::{Nibbles, nodes::encode_path_leaf};

/// Prefix of an RLP string of 32 bytes.
const HASH_PREFIX: u8 = EMPTY_STRING_CODE + HASHED_NODE_BYTES as u8;

/// Fewest children and values of a branch.
const BRANCH_ENTRIES_MIN: usize = 2;

/// Appends the RLP of a node whose children are all named.
pub(crate) fn encode(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Vacant => debug_assert!(false, "a vacant slot is not encoded"),
        Node::Leaf { key, value } => {
            let path = encode_path_leaf(key, true);
            list_header(string_len(&path) + string_len(value), out);
            string(&path, out);
            string(value, out);
        }
        Node::Extension(extension) => {
            let path = encode_path_leaf(&extension.key, false);
            list_header(string_len(&path) + child_len(&extension.child), out);
            string(&path, out);
            child(&extension.child, out);
        }
        Node::Branch(branch) => encode_branch(branch, out),
    }
}

/// Upper bound of the bytes that [`encode`] appends.
pub(crate) fn encoded_len_max(node: &Node) -> usize {
    const PATH_AND_HEADERS: usize = 44;
    match node {
        Node::Vacant => 0,
        Node::Leaf { value, .. } => PATH_AND_HEADERS + value.len(),
        Node::Extension(_) => PATH_AND_HEADERS + HASHED_NODE_BYTES,
        Node::Branch(branch) => {
            let value = branch.value.as_ref().map_or(0, |value| value.len());
            24 + branch.children.len() * (HASHED_NODE_BYTES + 1) + value
        }
    }
}

fn encode_branch(branch: &Branch, out: &mut Vec<u8>) {
    let value = branch.value.as_deref().unwrap_or_default();
    let children: usize = branch.children.iter().map(child_len).sum();
    list_header(children + 16 - branch.children.len() + string_len(value), out);
    let mut next = branch.children.iter();
    for nibble in 0..16 {
        if branch.mask & (1 << nibble) == 0 {
            out.push(EMPTY_STRING_CODE);
        } else if let Some(named) = next.next() {
            child(named, out);
        }
    }
    string(value, out);
}

fn list_header(payload_length: usize, out: &mut Vec<u8>) {
    Header { list: true, payload_length }.encode(out);
}

fn child_len(child: &Child) -> usize {
    child.name().len() + usize::from(child.hash().is_some())
}

fn child(child: &Child, out: &mut Vec<u8>) {
    debug_assert!(!child.is_stale(), "children are named before their parent is encoded");
    if child.hash().is_some() {
        out.push(HASH_PREFIX);
    }
    out.extend_from_slice(child.name());
}

fn string_len(bytes: &[u8]) -> usize {
    match bytes {
        [byte] if *byte < EMPTY_STRING_CODE => 1,
        _ => Header { list: false, payload_length: bytes.len() }.length_with_payload(),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    if !matches!(bytes, [byte] if *byte < EMPTY_STRING_CODE) {
        Header { list: false, payload_length: bytes.len() }.encode(out);
    }
    out.extend_from_slice(bytes);
}

/// Reads a node; `None` if the bytes are not exactly one. Children come out not in memory.
pub(crate) fn decode(mut rlp: &[u8]) -> Option<Node> {
    let header = Header::decode(&mut rlp).ok()?;
    if !header.list || header.payload_length != rlp.len() {
        return None;
    }
    let mut items = [&[][..]; 17];
    let mut count = 0;
    while !rlp.is_empty() {
        *items.get_mut(count)? = take_item(&mut rlp)?;
        count += 1;
    }
    match count {
        2 => decode_short(items[0], items[1]),
        17 => decode_branch(&items),
        _ => None,
    }
}

/// Splits off one item with its header.
fn take_item<'a>(rlp: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = *rlp;
    let header = Header::decode(rlp).ok()?;
    *rlp = rlp.get(header.payload_length..)?;
    Some(&start[..start.len() - rlp.len()])
}

fn decode_short(mut path: &[u8], mut second: &[u8]) -> Option<Node> {
    let path = Header::decode_bytes(&mut path, false).ok()?;
    let (key, is_leaf) = decode_path(path)?;
    if is_leaf {
        let value = Header::decode_bytes(&mut second, false).ok()?;
        Some(Node::Leaf { key, value: value.into() })
    } else if key.is_empty() {
        None
    } else {
        Some(Node::extension(key, decode_child(second)?))
    }
}

fn decode_branch(items: &[&[u8]; 17]) -> Option<Node> {
    let present = items[..16].iter().filter(|item| **item != [EMPTY_STRING_CODE]).count();
    let mut branch = Branch { children: Vec::with_capacity(present), ..Branch::default() };
    for (nibble, item) in items[..16].iter().enumerate() {
        if **item != [EMPTY_STRING_CODE] {
            branch.children.push(decode_child(item)?);
            branch.mask |= 1 << nibble;
        }
    }
    let value = Header::decode_bytes(&mut { items[16] }, false).ok()?;
    branch.value = (!value.is_empty()).then(|| value.into());
    // With fewer it would be a leaf or an extension, and removals count on that.
    let entries = branch.children.len() + usize::from(branch.value.is_some());
    (entries >= BRANCH_ENTRIES_MIN).then_some(Node::Branch(branch))
}

/// Reads a hex-prefix path and whether it belongs to a leaf.
fn decode_path(path: &[u8]) -> Option<(Nibbles, bool)> {
    const LEAF: u8 = 0x20;
    const ODD: u8 = 0x10;
    let (flag, rest) = path.split_first()?;
    let is_odd = flag & ODD != 0;
    if flag & !(LEAF | ODD | 0xf) != 0 || (!is_odd && flag & 0xf != 0) {
        return None;
    }
    if rest.len() + usize::from(is_odd) > 32 {
        return None;
    }
    let mut key = Nibbles::new();
    if is_odd {
        key.push(flag & 0xf);
    }
    key.extend(&Nibbles::unpack(rest));
    Some((key, flag & LEAF != 0))
}

fn decode_child(item: &[u8]) -> Option<Child> {
    match item {
        [HASH_PREFIX, hash @ ..] if hash.len() == HASHED_NODE_BYTES => {
            Some(Child::hashed(alloy_primitives::B256::from_slice(hash)))
        }
        [first, ..] if *first >= alloy_rlp::EMPTY_LIST_CODE && item.len() < HASHED_NODE_BYTES => {
            Some(Child::embedded(item))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reencode(rlp: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        encode(&decode(rlp)?, &mut out);
        Some(out)
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn leaf_round_trips(key in proptest::collection::vec(0u8..16, 0..=64), value in proptest::collection::vec(any::<u8>(), 1..200)) {
            let node = Node::Leaf { key: Nibbles::from_nibbles(&key), value: value.into() };
            let mut rlp = Vec::new();
            encode(&node, &mut rlp);
            prop_assert!(rlp.len() <= encoded_len_max(&node));
            prop_assert_eq!(reencode(&rlp), Some(rlp));
        }

        #[test]
        fn branch_round_trips(mask: u16, hashed: u16, value in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..60))) {
            let mut branch = Branch { value: value.map(Into::into), ..Branch::default() };
            for nibble in 0..16u8 {
                if mask & (1 << nibble) == 0 {
                    continue;
                }
                let child = if hashed & (1 << nibble) != 0 {
                    Child::hashed(alloy_primitives::keccak256([nibble]))
                } else {
                    Child::embedded(&[0xc2, 0x20 | nibble, nibble])
                };
                branch.insert(nibble, child);
            }
            let entries = branch.children.len() + usize::from(branch.value.is_some());
            let node = Node::Branch(branch);
            let mut rlp = Vec::new();
            encode(&node, &mut rlp);
            prop_assert!(rlp.len() <= encoded_len_max(&node));
            let expected = (BRANCH_ENTRIES_MIN <= entries).then(|| rlp.clone());
            prop_assert_eq!(reencode(&rlp), expected);
        }
    }
}
