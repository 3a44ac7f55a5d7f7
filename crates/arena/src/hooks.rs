//! What a Uniswap V4 pool's hooks may do, from the low bits of their address (`Hooks.sol`).

use alloy_primitives::Address;

/// The permissions of a hooks contract: the low 14 bits of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct HookFlags(u16);

impl HookFlags {
    /// `ALL_HOOK_MASK`.
    const MASK: u16 = (1 << 14) - 1;
    const BEFORE_SWAP: u16 = 1 << 7;
    const AFTER_SWAP: u16 = 1 << 6;
    const BEFORE_SWAP_RETURNS_DELTA: u16 = 1 << 3;
    const AFTER_SWAP_RETURNS_DELTA: u16 = 1 << 2;

    /// The permissions that an address has.
    pub fn of(hooks: Address) -> Self {
        let [.., high, low] = hooks.into_array();
        Self(u16::from_be_bytes([high, low]) & Self::MASK)
    }

    /// Whether they run before a swap. In a pool with a dynamic fee they may then set the fee of that swap alone.
    pub const fn runs_before_swap(self) -> bool {
        self.0 & Self::BEFORE_SWAP != 0
    }

    /// Whether they run before or after a swap: they may refuse it, or trade themselves.
    pub const fn runs_on_swap(self) -> bool {
        self.0 & (Self::BEFORE_SWAP | Self::AFTER_SWAP) != 0
    }

    /// Whether they may take a swap's amount for themselves before the pool sees it, even all of it.
    pub const fn may_absorb_swap(self) -> bool {
        self.0 & Self::BEFORE_SWAP_RETURNS_DELTA != 0
    }

    /// Whether they may change what a swap's caller pays or gets.
    pub const fn changes_amounts(self) -> bool {
        self.0 & (Self::BEFORE_SWAP_RETURNS_DELTA | Self::AFTER_SWAP_RETURNS_DELTA) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_low_bits() {
        let of = |bits: u64| {
            HookFlags::of(Address::from_word(alloy_primitives::U256::from(bits).into()))
        };
        assert!(of(0x80).runs_before_swap() && of(0x80).runs_on_swap());
        assert!(of(0x40).runs_on_swap() && !of(0x40).runs_before_swap());
        assert!(of(0x88).may_absorb_swap() && of(0x88).changes_amounts());
        assert!(of(0x44).changes_amounts() && !of(0x44).may_absorb_swap());
        // Liquidity hooks, and bits that are none.
        assert!(!of(0xff3f_3f33).runs_on_swap() && !of(0xffff_c000).changes_amounts());
    }
}
