//! What several targets make of their bytes.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, keccak256};

/// Every event that the arena decodes, and the transfers beside them.
const SIGNATURES: [&str; 18] = [
    "PairCreated(address,address,address,uint256)",
    "Sync(uint112,uint112)",
    "Swap(address,uint256,uint256,uint256,uint256,address)",
    "Mint(address,uint256,uint256)",
    "Burn(address,uint256,uint256,address)",
    "PoolCreated(address,address,uint24,int24,address)",
    "Initialize(uint160,int24)",
    "Swap(address,address,int256,int256,uint160,uint128,int24)",
    "Mint(address,address,int24,int24,uint128,uint256,uint256)",
    "Burn(address,int24,int24,uint128,uint256,uint256)",
    "SetFeeProtocol(uint8,uint8,uint8,uint8)",
    "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)",
    "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)",
    "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)",
    "ProtocolFeeUpdated(bytes32,uint24)",
    "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)",
    "SetFeeProtocol(uint32,uint32,uint32,uint32)",
    "Transfer(address,address,uint256)",
];

/// Takes values off the front of a target's bytes.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    /// The next byte; `None` at the end.
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// A word of few bytes: how many, whether its other bytes are ones, and on which side they are, comes first.
    fn word(&mut self) -> Option<B256> {
        let form = self.byte()?;
        let count = usize::from(form & 0x1f) + 1;
        let mut word = [if form & 0x40 == 0 { 0 } else { 0xff }; 32];
        let place = if form & 0x80 == 0 { 32 - count } else { 0 };
        for byte in &mut word[place..place + count] {
            *byte = self.byte()?;
        }
        Some(B256::new(word))
    }

    /// One of few addresses, so that logs are about the same pools and tokens.
    pub fn address(&mut self) -> Option<Address> {
        Some(Address::with_last_byte(self.byte()? % 8))
    }

    /// A log that may well be a pool's.
    pub fn log(&mut self) -> Option<Log> {
        let (address, kind, shape) = (self.address()?, self.byte()?, self.byte()?);
        let signature = SIGNATURES[usize::from(kind) % SIGNATURES.len()];
        let mut topics = vec![keccak256(signature)];
        for _ in 0..shape % 4 {
            topics.push(self.word()?);
        }
        let mut data = Vec::new();
        for _ in 0..(shape >> 2) % 9 {
            data.extend_from_slice(self.word()?.as_slice());
        }
        // Some are a few bytes short.
        data.truncate(data.len().saturating_sub(usize::from(shape >> 7)));
        Some(Log { address, data: LogData::new_unchecked(topics, Bytes::from(data)) })
    }
}
