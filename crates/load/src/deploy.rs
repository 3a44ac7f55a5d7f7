//! Puts the contracts on a chain, or finds them there.

use std::path::Path;

use alloy_primitives::{
    Address, Bytes, I256, U256,
    aliases::{I24, U24},
    keccak256,
};
use alloy_sol_types::{SolCall, SolConstructor};

use crate::{
    Deployment, LoadError, Wallet,
    artifacts::Artifacts,
    contracts::{Swapper, TestToken, V2Factory, V3Factory, V3Pool as V3PoolContract, Weth},
    deploy_v4,
    deployment::{FEE_TIERS, Token, UNIT_WEI, V3Pool},
    endpoint::Endpoint,
    funding::fund,
    node::Node,
    setup::{Step, plan, run_steps},
};

/// Steps that create the tokens; the next ones need their supply.
const TOKEN_STEPS: usize = 3;
/// Value in each V2 pair on either side, in units.
const PAIR_UNITS: u128 = 100;
/// Wrapped ether given to the swapper, in units: reserves, liquidity and a stock to swap with.
const SWAPPER_WETH_UNITS: u64 = 1_500;
/// Value of each other token given to the swapper, in units.
const SWAPPER_TOKEN_UNITS: u128 = 1_000_000_000;

/// Holders that one transaction supplies: about 10 million gas, below the cap of EIP-7825.
const HOLDERS_MAX: usize = 300;
const MINT_GAS_BASE: u64 = 100_000;
/// A new balance, a log and the address in the call data.
const MINT_GAS_PER_HOLDER: u64 = 30_000;

/// How much of the deployment a scenario needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Wrapped ether and the two tokens.
    Tokens,
    /// All of it.
    Pools,
}

/// The contracts with the account that may create tokens.
#[derive(Debug)]
pub(crate) struct Contracts {
    pub(crate) deployment: Deployment,
    /// Owner of the two tokens. Apart from the deployer, so that minting does not shift the deployer's nonces.
    pub(crate) minter: Wallet,
}

/// Deploys wrapped ether, two tokens, a Uniswap V2 factory with pairs, a V3 factory with pools and a V4 PoolManager with
/// pools, all with liquidity, on the chain behind `rpc`, paid by `payer`; where they exist already, finds them.
///
/// `artifacts` is the folder with `artifacts/` (own contracts) and `node_modules/` (Uniswap's packages).
/// Step i of the deployment has nonce i of an account derived from `payer` and the bytecode: a deployment that was
/// interrupted goes on where it stopped, and changed contracts are deployed anew.
///
/// # Errors
/// Bytecode is absent or not mainnet's, `payer` is too poor, or the node fails.
pub async fn deploy(rpc: &str, payer: &Wallet, artifacts: &Path) -> Result<Deployment, LoadError> {
    let mut node = Node::connect(rpc.parse::<Endpoint>()?).await?;
    Ok(deploy_extent(&mut node, payer, artifacts, Extent::Pools).await?.deployment)
}

pub(crate) async fn deploy_extent(
    node: &mut Node,
    payer: &Wallet,
    artifacts: &Path,
    extent: Extent,
) -> Result<Contracts, LoadError> {
    let artifacts = Artifacts::read(artifacts)?;
    let purpose = format!("weir deployer {}", artifacts.fingerprint());
    let deployer = payer.derive(&purpose, 0);
    let minter = payer.derive(&purpose, 1);
    let deployment = Deployment::of(&deployer, keccak256(&artifacts.fee_hook.creation));

    let mut steps = token_steps(&artifacts, minter.address());
    if extent == Extent::Pools {
        steps.extend(pool_steps(&artifacts, &deployment));
    }
    let done = node.nonce(deployer.address()).await?;
    let remaining = steps.split_off((done as usize).min(steps.len()));
    if !remaining.is_empty() {
        let price = node.gas_price().await?;
        let costs = remaining.iter().map(|step| step.cost_max(price));
        let cost = costs.fold(U256::ZERO, U256::saturating_add);
        fund(node, payer, &[deployer.address()], cost).await?;
    }
    let mut planned = plan(&deployer, done, remaining);
    let tokens = TOKEN_STEPS.saturating_sub(done as usize).min(planned.len());
    let after_tokens = planned.split_off(tokens);
    run_steps(node, &planned).await?;
    if extent == Extent::Pools {
        let amount = |token: Token| U256::from(token.per_unit * SWAPPER_TOKEN_UNITS);
        let tokens = [deployment.token_a, deployment.token_b];
        mint_missing(node, payer, &minter, &[deployment.swapper], tokens.map(|t| (t, amount(t))))
            .await?;
    }
    run_steps(node, &after_tokens).await?;
    verify(node, &artifacts, &deployment, extent).await?;
    Ok(Contracts { deployment, minter })
}

fn token_steps(artifacts: &Artifacts, owner: Address) -> Vec<Step> {
    let token = |name: &str, symbol: &str, decimals: u8| {
        let arguments = TestToken::constructorCall {
            name: name.into(),
            symbol: symbol.into(),
            decimals,
            owner,
        };
        let code = [&artifacts.token.creation[..], &arguments.abi_encode()].concat();
        Step::create("create token", code, 1_500_000)
    };
    vec![
        Step::create("create WETH", artifacts.weth.creation.to_vec(), 1_500_000),
        token("Weir Test A", "WTA", 18),
        token("Weir Test B", "WTB", 6),
    ]
}

fn pool_steps(artifacts: &Artifacts, deployment: &Deployment) -> Vec<Step> {
    let setter = V2Factory::constructorCall { feeToSetter: deployment.deployer };
    let v2_factory = [&artifacts.v2_factory[..], &setter.abi_encode()].concat();
    let weth = U256::from(UNIT_WEI) * U256::from(SWAPPER_WETH_UNITS);
    let to_swapper = TestToken::transferCall { to: deployment.swapper, amount: weth };
    let mut steps = vec![
        Step::create("create swapper", artifacts.swapper.creation.to_vec(), 3_000_000),
        Step::create("create V2 factory", v2_factory, 4_000_000),
        Step::create("create V3 factory", artifacts.v3_factory.to_vec(), 7_000_000),
    ];
    steps.extend(deploy_v4::creations(artifacts, deployment));
    steps.extend([
        Step::call(
            "wrap ether",
            deployment.weth.address,
            Weth::depositCall {}.abi_encode(),
            80_000,
        )
        .paying(weth),
        Step::call("supply swapper", deployment.weth.address, to_swapper.abi_encode(), 80_000),
        multi("create V2 pairs", deployment, create_pairs(deployment), 9_000_000),
        multi("fund V2 pairs", deployment, fund_pairs(deployment), 1_500_000),
    ]);
    for (fee, _) in FEE_TIERS {
        let pools = || deployment.pools.iter().filter(move |pool| pool.fee == fee);
        let create = pools().flat_map(|pool| create_pool(deployment, pool)).collect();
        steps.push(multi("create V3 pools", deployment, create, 16_000_000));
        let mint = pools().flat_map(fund_pool).collect();
        steps.push(multi("fund V3 pools", deployment, mint, 8_000_000));
    }
    steps.extend(deploy_v4::pools(artifacts, deployment));
    steps
}

fn create_pairs(deployment: &Deployment) -> Vec<Bytes> {
    let create = deployment.pairs.iter().map(|pair| {
        let call = V2Factory::createPairCall { a: pair.token0.address, b: pair.token1.address };
        execute(deployment.v2_factory, call.abi_encode())
    });
    create.collect()
}

fn fund_pairs(deployment: &Deployment) -> Vec<Bytes> {
    let amount = |token: Token| U256::from(token.per_unit * PAIR_UNITS);
    let mint = deployment.pairs.iter().map(|pair| {
        let (amount0, amount1) = (amount(pair.token0), amount(pair.token1));
        let call = Swapper::mintV2Call { pair: pair.address, amount0, amount1, own: true };
        call.abi_encode().into()
    });
    mint.collect()
}

fn create_pool(deployment: &Deployment, pool: &V3Pool) -> [Bytes; 2] {
    let create = V3Factory::createPoolCall {
        a: pool.token0.address,
        b: pool.token1.address,
        fee: U24::from(pool.fee),
    };
    let price = pool.market().initial_sqrt_price();
    let initialize = V3PoolContract::initializeCall { sqrtPriceX96: price };
    [
        execute(deployment.v3_factory, create.abi_encode()),
        execute(pool.address, initialize.abi_encode()),
    ]
}

fn fund_pool(pool: &V3Pool) -> Vec<Bytes> {
    let ranges = pool.market().deployed_ranges().into_iter();
    let mint =
        ranges.map(|(range, liquidity)| mint_v3(pool, range, liquidity, true).abi_encode().into());
    mint.collect()
}

/// A call that adds liquidity to a pool.
pub(crate) fn mint_v3(
    pool: &V3Pool,
    (lower, upper): (i32, i32),
    liquidity: u128,
    own: bool,
) -> Swapper::mintV3Call {
    Swapper::mintV3Call {
        pool: pool.address,
        lower: tick(lower),
        upper: tick(upper),
        liquidity,
        own,
    }
}

/// A tick as the contracts take it.
pub(crate) fn tick(tick: i32) -> I24 {
    I24::try_from(tick).expect("ticks of a pool are within 21 bits")
}

/// An amount as a V3 swap takes it: positive for exact in.
pub(crate) fn exact_in(amount: u128) -> I256 {
    I256::try_from(amount).expect("every u128 is an I256")
}

pub(crate) fn execute(target: Address, data: Vec<u8>) -> Bytes {
    Swapper::executeCall { target, data: data.into() }.abi_encode().into()
}

pub(crate) fn multi(
    label: &'static str,
    deployment: &Deployment,
    calls: Vec<Bytes>,
    gas_limit: u64,
) -> Step {
    Step::call(label, deployment.swapper, Swapper::multiCall { calls }.abi_encode(), gas_limit)
}

/// Creates tokens for those of `holders` that have none of them, so that each has at least the amount.
pub(crate) async fn mint_missing(
    node: &mut Node,
    payer: &Wallet,
    minter: &Wallet,
    holders: &[Address],
    amounts: [(Token, U256); 2],
) -> Result<(), LoadError> {
    let mut steps = Vec::new();
    for (token, amount) in amounts {
        let balance_of = |holder| TestToken::balanceOfCall { holder }.abi_encode().into();
        let asked: Vec<(Address, Bytes)> =
            holders.iter().map(|holder| (token.address, balance_of(*holder))).collect();
        let balances = node.calls(&asked).await?;
        // Half is enough: a holder that has traded for long is supplied again, one that just has is not.
        let poor = |balance: &Bytes| {
            U256::from_be_slice(&balance[..balance.len().min(32)]) < amount / U256::from(2)
        };
        let short = holders.iter().zip(&balances).filter(|(_, balance)| poor(balance));
        let short: Vec<Address> = short.map(|(holder, _)| *holder).collect();
        steps.extend(short.chunks(HOLDERS_MAX).map(|some| {
            let gas = MINT_GAS_BASE + MINT_GAS_PER_HOLDER * some.len() as u64;
            let call = TestToken::mintManyCall { holders: some.to_vec(), amount };
            Step::call("mint tokens", token.address, call.abi_encode(), gas)
        }));
    }
    let price = node.gas_price().await?;
    let costs = steps.iter().map(|step| step.cost_max(price));
    let cost = costs.fold(U256::ZERO, U256::saturating_add);
    fund(node, payer, &[minter.address()], cost).await?;
    let nonce = node.nonce(minter.address()).await?;
    run_steps(node, &plan(minter, nonce, steps)).await
}

async fn verify(
    node: &mut Node,
    artifacts: &Artifacts,
    deployment: &Deployment,
    extent: Extent,
) -> Result<(), LoadError> {
    let mut expected: Vec<(&'static str, Address, Option<&Bytes>)> = vec![
        ("WETH9", deployment.weth.address, Some(&artifacts.weth.runtime)),
        ("TestToken", deployment.token_a.address, Some(&artifacts.token.runtime)),
        ("TestToken", deployment.token_b.address, Some(&artifacts.token.runtime)),
    ];
    if extent == Extent::Pools {
        expected.push(("Swapper", deployment.swapper, Some(&artifacts.swapper.runtime)));
        expected.push(("UniswapV2Factory", deployment.v2_factory, None));
        expected.push(("UniswapV3Factory", deployment.v3_factory, None));
        expected.extend(deployment.pairs.iter().map(|pair| ("UniswapV2Pair", pair.address, None)));
        expected.extend(deployment.pools.iter().map(|pool| ("UniswapV3Pool", pool.address, None)));
        expected.extend(deploy_v4::contracts(artifacts, &deployment.v4));
    }
    let addresses: Vec<Address> = expected.iter().map(|(_, address, _)| *address).collect();
    let codes = node.codes(&addresses).await?;
    for ((contract, address, code), found) in expected.into_iter().zip(codes) {
        if found.is_empty() || code.is_some_and(|code| *code != found) {
            return Err(LoadError::DeploymentIncomplete { contract, address });
        }
    }
    Ok(())
}
