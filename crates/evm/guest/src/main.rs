//! Checks a block by its witness where there is nothing but a processor and memory.
//!
//! The entry is a function of the C convention, so that what starts it sets registers and a stack and is told of the verdict by
//! its result. A zkVM brings an entry, an allocator and input of its own in the place of these.
#![no_std]
#![no_main]

extern crate alloc;

mod heap;

use alloc::sync::Arc;
use alloy_primitives::{B256, keccak256};
use core::{panic::PanicInfo, slice};
use weir_evm::{ChainSpec, ExecutionWitness, decode_block, recover_block, verify_stateless};

/// What is public of a proof: by the rules of the genesis with this hash, this block leads from one state to another.
#[repr(C)]
pub struct Claim {
    genesis: B256,
    block: B256,
    pre_state_root: B256,
    state_root: B256,
}

/// Checks the block in `input`, which has `len` bytes, and writes what is proven to `claim`. The result is 0 if nothing is.
///
/// `input` is the genesis in JSON, the block in RLP and the witness in its binary form, each after its length as four bytes,
/// the lowest first.
///
/// # Safety
/// `input` must be readable for `len` bytes, and `claim` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _start(input: *const u8, len: usize, claim: *mut Claim) -> usize {
    // SAFETY: the caller's promise.
    let input = unsafe { slice::from_raw_parts(input, len) };
    let Some(proven) = check(input) else { return 0 };
    // SAFETY: the caller's promise.
    unsafe { claim.write(proven) };
    1
}

fn check(mut input: &[u8]) -> Option<Claim> {
    let (genesis, block, witness) = (part(&mut input)?, part(&mut input)?, part(&mut input)?);
    let json = core::str::from_utf8(genesis).ok()?;
    let spec = Arc::new(ChainSpec::from_genesis_json(json).ok()?);
    let block = recover_block(&spec, decode_block(block).ok()?).ok()?;
    let witness = ExecutionWitness::from_binary(witness)?;
    let verified = verify_stateless(&spec, &witness, &block).ok()?;
    Some(Claim {
        genesis: keccak256(genesis),
        block: verified.hash,
        pre_state_root: verified.pre_state_root,
        state_root: verified.state_root,
    })
}

/// Takes a part off the front of the input.
fn part<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = input.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *input = rest;
    Some(part)
}

#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
