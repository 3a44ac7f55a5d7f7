//! Files that commands read.

use alloy_primitives::hex;
use eyre::Context;
use std::{io::Read, path::Path};

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> eyre::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).wrap_err("standard input cannot be read")?;
        return Ok(bytes);
    }
    std::fs::read(path).wrap_err_with(|| format!("file cannot be read: path={}", path.display()))
}

/// What a file means that may hold bytes, their hexadecimal text, or the answer of a JSON-RPC call with that text.
pub(crate) fn bytes_of(content: &[u8]) -> Vec<u8> {
    let Some(text) = std::str::from_utf8(content).ok().map(str::trim) else {
        return content.to_vec();
    };
    let answer: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let quoted = answer.as_ref().map(|value| value.get("result").unwrap_or(value));
    let text = quoted.and_then(|value| value.as_str()).unwrap_or(text);
    hex::decode(text).unwrap_or_else(|_| content.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_bytes_is_read() {
        let bytes = vec![0xc2, 0x01, 0x80];
        for content in [
            b"\xc2\x01\x80".as_slice(),
            b"0xc20180\n",
            b"c20180",
            b"\"0xc20180\"",
            br#"{"jsonrpc":"2.0","id":1,"result":"0xc20180"}"#,
        ] {
            assert_eq!(bytes_of(content), bytes);
        }
    }
}
