//! Why a contract reverted, in words.

use alloy_primitives::U256;

/// `Error(string)`.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`.
const PANIC_SELECTOR: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// The text of an ABI-encoded `Error(string)` or `Panic(uint256)`, if the output is one.
pub(super) fn revert_reason(output: &[u8]) -> Option<String> {
    let (selector, body) = output.split_first_chunk::<4>()?;
    match *selector {
        ERROR_SELECTOR => string(body),
        PANIC_SELECTOR => Some(panic_reason(word(body, 0)?)),
        _ => None,
    }
}

fn word(body: &[u8], at: usize) -> Option<U256> {
    Some(U256::from_be_slice(body.get(at..at.checked_add(32)?)?))
}

/// The string whose offset is the first word.
fn string(body: &[u8]) -> Option<String> {
    let offset = usize::try_from(word(body, 0)?).ok()?;
    let length = usize::try_from(word(body, offset)?).ok()?;
    let start = offset.checked_add(32)?;
    let text = body.get(start..start.checked_add(length)?)?;
    String::from_utf8(text.to_vec()).ok()
}

/// The compiler's panic codes, in geth's words.
fn panic_reason(code: U256) -> String {
    let known = match u8::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;
    use proptest::prelude::*;

    #[test]
    fn reasons_are_decoded() {
        let error = hex!(
            "08c379a00000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000a75736572206572726f7200000000000000000000000000000000000000000000"
        );
        assert_eq!(revert_reason(&error).as_deref(), Some("user error"));
        let panic =
            hex!("4e487b710000000000000000000000000000000000000000000000000000000000000001");
        assert_eq!(revert_reason(&panic).as_deref(), Some("assert(false)"));
        assert_eq!(revert_reason(b"wrong-calldatasize"), None);
        assert_eq!(revert_reason(&[]), None);
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_panic(
            selector in prop_oneof![Just(ERROR_SELECTOR), Just(PANIC_SELECTOR)],
            body in proptest::collection::vec(any::<u8>(), 0..160),
        ) {
            let _ = revert_reason(&[&selector[..], &body].concat());
        }
    }
}
