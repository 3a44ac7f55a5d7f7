//! The contracts of a deployment and where they are.

use alloy_primitives::{Address, B256, aliases::U24, keccak256};
use alloy_sol_types::SolValue;
use serde::Serialize;

use crate::{V2_PAIR_INIT_CODE_HASH, V3_POOL_INIT_CODE_HASH, V4Deployment, Wallet, market::Market};

/// Value that trades and reserves are counted in, in wei: small enough for any funded key.
pub(crate) const UNIT_WEI: u64 = 10_000_000_000_000_000;
/// V3 fees in millionths with their tick spacing, as `UniswapV3Factory` enables them.
pub(crate) const FEE_TIERS: [(u32, i32); 3] = [(500, 10), (3_000, 60), (10_000, 200)];

/// A token of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// The contract.
    pub address: Address,
    /// Amount worth one hundredth of an ether in the pools' initial prices, in the token's smallest unit.
    pub per_unit: u128,
}

/// A Uniswap V2 pair of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct V2Pair {
    /// The pair.
    pub address: Address,
    /// The token with the lower address.
    pub token0: Token,
    /// The token with the higher address.
    pub token1: Token,
}

/// A Uniswap V3 pool of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct V3Pool {
    /// The pool.
    pub address: Address,
    /// The token with the lower address.
    pub token0: Token,
    /// The token with the higher address.
    pub token1: Token,
    /// Fee, in millionths.
    pub fee: u32,
    /// Ticks between two places where liquidity may change.
    pub tick_spacing: i32,
}

/// Where the contracts of a deployment are. A function of the deployer's key and the bytecode alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// The account that created everything.
    pub deployer: Address,
    /// Wrapped ether.
    pub weth: Token,
    /// A token with 18 decimals.
    pub token_a: Token,
    /// A token with 6 decimals.
    pub token_b: Token,
    /// The contract that swaps, mints and burns.
    pub swapper: Address,
    /// `UniswapV2Factory`.
    pub v2_factory: Address,
    /// `UniswapV3Factory`.
    pub v3_factory: Address,
    /// One pair for each two tokens.
    pub pairs: Vec<V2Pair>,
    /// One V3 pool for each two tokens and fee.
    pub pools: Vec<V3Pool>,
    /// Uniswap V4.
    pub v4: V4Deployment,
}

impl Deployment {
    /// The addresses that the steps of `deploy` lead to, the nonces of `deployer` in that order. `hook` is the hash of the
    /// hooks' creation code.
    pub(crate) fn of(wallet: &Wallet, hook: B256) -> Self {
        let deployer = wallet.address();
        let unit = u128::from(UNIT_WEI);
        let weth = Token { address: deployer.create(0), per_unit: unit };
        let token_a = Token { address: deployer.create(1), per_unit: 2_000 * unit };
        let token_b = Token { address: deployer.create(2), per_unit: 20_000_000 };
        let (v2_factory, v3_factory) = (deployer.create(4), deployer.create(5));
        let couples = [(weth, token_a), (weth, token_b), (token_a, token_b)].map(sorted);
        let pairs = couples.map(|(token0, token1)| V2Pair {
            address: pair_address(v2_factory, token0.address, token1.address),
            token0,
            token1,
        });
        let pools = FEE_TIERS.iter().flat_map(|&(fee, tick_spacing)| {
            couples.map(|(token0, token1)| V3Pool {
                address: pool_address(v3_factory, token0.address, token1.address, fee),
                token0,
                token1,
                fee,
                tick_spacing,
            })
        });
        let swapper = deployer.create(3);
        Self {
            deployer,
            weth,
            token_a,
            token_b,
            swapper,
            v2_factory,
            v3_factory,
            pairs: pairs.to_vec(),
            pools: pools.collect(),
            v4: V4Deployment::of(wallet, swapper, [weth, token_a, token_b], hook),
        }
    }
}

impl V3Pool {
    pub(crate) const fn market(&self) -> Market {
        Market { token0: self.token0, token1: self.token1, tick_spacing: self.tick_spacing }
    }
}

pub(crate) fn sorted((a, b): (Token, Token)) -> (Token, Token) {
    if a.address < b.address { (a, b) } else { (b, a) }
}

/// `UniswapV2Library.pairFor`.
fn pair_address(factory: Address, token0: Address, token1: Address) -> Address {
    let salt = keccak256((token0, token1).abi_encode_packed());
    factory.create2(salt, V2_PAIR_INIT_CODE_HASH)
}

/// `PoolAddress.computeAddress`.
fn pool_address(factory: Address, token0: Address, token1: Address, fee: u32) -> Address {
    let salt: B256 = keccak256((token0, token1, U24::from(fee)).abi_encode());
    factory.create2(salt, V3_POOL_INIT_CODE_HASH)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn addresses_are_those_of_mainnet_for_mainnet_factories() {
        let usdc = address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
        let weth = address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
        let v2 = address!("5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f");
        let v3 = address!("1F98431c8aD98523631AE4a59f267346ea31F984");
        assert_eq!(
            pair_address(v2, usdc, weth),
            address!("B4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc")
        );
        assert_eq!(
            pool_address(v3, usdc, weth, 500),
            address!("88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640")
        );
    }
}
