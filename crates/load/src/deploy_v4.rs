//! The steps of a deployment that put Uniswap V4 on a chain.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};

use crate::{
    Deployment, V4Deployment, V4Pool,
    artifacts::Artifacts,
    calls_v4::{modify, set_fee, set_protocol_fee},
    contracts::{PoolManager, Swapper, V4Lens},
    deploy::{execute, multi},
    deployment::UNIT_WEI,
    setup::Step,
};

/// Native coin given to the swapper, in units: liquidity and a stock to swap with.
const SWAPPER_COIN_UNITS: u64 = 400;
/// Fee of the pool with a dynamic fee at first, in millionths.
const FIRST_DYNAMIC_FEE: u32 = 2_500;
/// Protocol's fee of the first pool at first, in millionths: token0 in, token1 in.
const FIRST_PROTOCOL_FEE: (u32, u32) = (500, 300);

/// Creates the PoolManager and its lenses: nonces from `MANAGER_NONCE` on.
pub(crate) fn creations(artifacts: &Artifacts, deployment: &Deployment) -> [Step; 3] {
    let owner = PoolManager::constructorCall { initialOwner: deployment.swapper };
    let manager = V4Lens::constructorCall { poolManager: deployment.v4.manager };
    let create = |label, code: &Bytes, arguments: Vec<u8>, gas_limit| {
        Step::create(label, [&code[..], &arguments].concat(), gas_limit)
    };
    [
        create("create V4 manager", &artifacts.pool_manager, owner.abi_encode(), 7_000_000),
        create("create V4 state view", &artifacts.state_view, manager.abi_encode(), 1_500_000),
        create("create V4 quoter", &artifacts.v4_quoter, manager.abi_encode(), 2_000_000),
    ]
}

/// Creates hooks and pools, sets fees, and adds liquidity.
pub(crate) fn pools(artifacts: &Artifacts, deployment: &Deployment) -> [Step; 3] {
    let v4 = &deployment.v4;
    let hooks = [v4.fee_hook, v4.swap_hook].map(|hook| {
        let code = artifacts.fee_hook.creation.clone();
        Swapper::deployCall { code, salt: hook.salt }.abi_encode().into()
    });
    let controller = PoolManager::setProtocolFeeControllerCall { controller: deployment.swapper };
    let mut create: Vec<Bytes> = hooks.to_vec();
    create.push(execute(v4.manager, controller.abi_encode()));
    create.extend(v4.pools.iter().map(|pool| execute(v4.manager, initialize(pool))));
    create.push(execute(v4.fee_hook.address, set_fee(deployment, FIRST_DYNAMIC_FEE).input.into()));
    let protocol_fee = set_protocol_fee(deployment, &v4.pools[0], FIRST_PROTOCOL_FEE);
    create.push(protocol_fee.input);
    let mint = v4.pools.iter().flat_map(|pool| fund_pool(deployment, pool)).collect();
    let coin = U256::from(UNIT_WEI) * U256::from(SWAPPER_COIN_UNITS);
    [
        Step::call("supply swapper", deployment.swapper, Vec::new(), 50_000).paying(coin),
        multi("create V4 pools", deployment, create, 3_000_000),
        multi("fund V4 pools", deployment, mint, 9_000_000),
    ]
}

/// The contracts that there must be, with their code where it is known.
pub(crate) fn contracts<'a>(
    artifacts: &'a Artifacts,
    v4: &V4Deployment,
) -> [(&'static str, Address, Option<&'a Bytes>); 5] {
    let hook = Some(&artifacts.fee_hook.runtime);
    [
        ("PoolManager", v4.manager, None),
        ("StateView", v4.state_view, None),
        ("V4Quoter", v4.quoter, None),
        ("FeeHook", v4.fee_hook.address, hook),
        ("FeeHook", v4.swap_hook.address, hook),
    ]
}

fn initialize(pool: &V4Pool) -> Vec<u8> {
    let price = pool.market().initial_sqrt_price();
    PoolManager::initializeCall { key: pool.key(), sqrtPriceX96: price }.abi_encode()
}

fn fund_pool(deployment: &Deployment, pool: &V4Pool) -> Vec<Bytes> {
    let ranges = pool.market().deployed_ranges().into_iter();
    let mint = ranges.map(|(range, liquidity)| {
        modify(deployment, pool, range, liquidity.cast_signed(), true).input
    });
    mint.collect()
}
