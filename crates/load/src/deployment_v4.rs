//! Uniswap V4 of a deployment.

use alloy_primitives::{
    Address, B256, U256,
    aliases::{I24, U24},
    keccak256,
};
use alloy_sol_types::SolValue;
use serde::Serialize;

use crate::{
    Token, Wallet,
    contracts::PoolKey,
    deployment::{UNIT_WEI, sorted},
    market::Market,
};

/// The fee in a pool's key that says that a hook sets it (`LPFeeLibrary.DYNAMIC_FEE_FLAG`).
pub const DYNAMIC_FEE: u32 = 0x80_0000;
/// The low bits of a hook's address that name its callbacks (`Hooks.ALL_HOOK_MASK`).
const HOOK_FLAGS: u16 = 0x3fff;
/// `Hooks.BEFORE_SWAP_FLAG` and `AFTER_SWAP_FLAG`.
const SWAP_FLAGS: u16 = 1 << 7 | 1 << 6;
/// Nonce of the deployer that creates the PoolManager; the two lenses follow.
pub(crate) const MANAGER_NONCE: u64 = 6;

/// A pool of the PoolManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct V4Pool {
    /// keccak-256 of the pool's key.
    pub id: B256,
    /// The token with the lower address; address zero is the chain's native coin.
    pub token0: Token,
    /// The token with the higher address.
    pub token1: Token,
    /// Fee in the key, in millionths, or [`DYNAMIC_FEE`].
    pub fee: u32,
    /// Ticks between two places where liquidity may change.
    pub tick_spacing: i32,
    /// The hook contract, or zero.
    pub hooks: Address,
}

/// A hook contract, at an address whose low bits name its callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct V4Hook {
    /// The contract.
    pub address: Address,
    /// The CREATE2 salt that leads there.
    pub salt: B256,
}

/// The PoolManager with its lenses, hooks and pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct V4Deployment {
    /// `PoolManager`. The swapper owns it and controls its protocol fees.
    pub manager: Address,
    /// `StateView`.
    pub state_view: Address,
    /// `V4Quoter`.
    pub quoter: Address,
    /// The hook of the pool with a dynamic fee; it has no callback.
    pub fee_hook: V4Hook,
    /// A hook that is called before and after each swap and changes nothing.
    pub swap_hook: V4Hook,
    /// Static fees, the native coin, a hook, a dynamic fee.
    pub pools: Vec<V4Pool>,
}

impl V4Deployment {
    /// The addresses that the steps of `deploy` lead to.
    pub(crate) fn of(deployer: &Wallet, swapper: Address, tokens: [Token; 3], hook: B256) -> Self {
        let create = |offset: u64| deployer.address().create(MANAGER_NONCE + offset);
        let fee_hook = V4Hook::find(swapper, hook, 0);
        let swap_hook = V4Hook::find(swapper, hook, SWAP_FLAGS);
        let native = Token { address: Address::ZERO, per_unit: u128::from(UNIT_WEI) };
        let [weth, token_a, token_b] = tokens;
        let none = Address::ZERO;
        let pools = [
            (weth, token_a, 500, 10, none),
            (weth, token_b, 3_000, 60, none),
            (token_a, token_b, 100, 1, none),
            (native, token_a, 3_000, 60, none),
            (token_a, token_b, 3_000, 60, swap_hook.address),
            (weth, token_a, DYNAMIC_FEE, 60, fee_hook.address),
        ]
        .map(|(a, b, fee, tick_spacing, hooks)| V4Pool::new((a, b), fee, tick_spacing, hooks));
        Self {
            manager: create(0),
            state_view: create(1),
            quoter: create(2),
            fee_hook,
            swap_hook,
            pools: pools.to_vec(),
        }
    }

    /// The pool whose fee its hook sets.
    pub(crate) fn dynamic_pool(&self) -> &V4Pool {
        let dynamic = self.pools.iter().find(|pool| pool.fee == DYNAMIC_FEE);
        dynamic.expect("every deployment has a pool with a dynamic fee")
    }
}

impl V4Hook {
    /// The first salt that leads to an address with exactly these flags: one in 2^14 does.
    fn find(deployer: Address, code_hash: B256, flags: u16) -> Self {
        let at = |salt: u64| {
            let salt = B256::from(U256::from(salt));
            Self { address: deployer.create2(salt, code_hash), salt }
        };
        let is_wanted = |hook: &Self| {
            let [.., high, low] = hook.address.0.0;
            u16::from_be_bytes([high, low]) & HOOK_FLAGS == flags
        };
        let found = (0..u64::MAX).map(at).find(is_wanted);
        found.expect("one of 2^64 addresses has the 14 bits wanted")
    }
}

impl V4Pool {
    fn new(tokens: (Token, Token), fee: u32, tick_spacing: i32, hooks: Address) -> Self {
        let (token0, token1) = sorted(tokens);
        let pool = Self { id: B256::ZERO, token0, token1, fee, tick_spacing, hooks };
        Self { id: keccak256(pool.key().abi_encode()), ..pool }
    }

    /// The key as the contracts take it.
    pub(crate) fn key(&self) -> PoolKey {
        PoolKey {
            currency0: self.token0.address,
            currency1: self.token1.address,
            fee: U24::from(self.fee),
            tickSpacing: I24::try_from(self.tick_spacing).expect("spacings have 16 bits"),
            hooks: self.hooks,
        }
    }

    pub(crate) const fn market(&self) -> Market {
        Market { token0: self.token0, token1: self.token1, tick_spacing: self.tick_spacing }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;
    use crate::Deployment;

    #[test]
    fn id_is_that_of_mainnets_native_usdc_pool() {
        let token = |address| Token { address, per_unit: 1 };
        let usdc = token(address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"));
        let pool = V4Pool::new((usdc, token(Address::ZERO)), 500, 10, Address::ZERO);
        assert_eq!(pool.token1, usdc);
        assert_eq!(
            pool.id.to_string(),
            "0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27"
        );
    }

    #[test]
    fn hooks_are_where_their_flags_say() {
        let deployment = Deployment::of(&Wallet::test_account(), B256::repeat_byte(7));
        let V4Deployment { fee_hook, swap_hook, .. } = deployment.v4;
        for (hook, flags) in [(fee_hook, 0), (swap_hook, 0b1100_0000)] {
            let bits = U256::from_be_slice(hook.address.as_slice()) & U256::from(0x3fff);
            assert_eq!(bits, U256::from(flags), "{hook:?}");
            let code = B256::repeat_byte(7);
            assert_eq!(hook.address, deployment.swapper.create2(hook.salt, code));
        }
    }
}
