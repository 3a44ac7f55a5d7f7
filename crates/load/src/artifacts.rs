//! Contract bytecode: Uniswap's from the npm packages, our own from `scripts/compile-contracts.mjs`.

use std::{fs, path::Path};

use alloy_primitives::{B256, Bytes, b256, hex, keccak256};
use serde::Deserialize;

use crate::LoadError;

/// keccak-256 of the creation code of `UniswapV2Pair` on mainnet, as in `UniswapV2Library.pairFor`.
pub const V2_PAIR_INIT_CODE_HASH: B256 =
    b256!("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f");
/// keccak-256 of the creation code of `UniswapV3Pool` on mainnet, as in `PoolAddress.sol`.
pub const V3_POOL_INIT_CODE_HASH: B256 =
    b256!("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54");

const V2_CORE: &str = "node_modules/@uniswap/v2-core/build";
const V3_CORE: &str = "node_modules/@uniswap/v3-core/artifacts/contracts";
const V4_CORE: &str = "node_modules/@uniswap/v4-core/out";
const V4_PERIPHERY: &str = "node_modules/@uniswap/v4-periphery/foundry-out";

/// Creation code of every contract that a deployment needs. V2 and V3 pools are checked against mainnet's hashes, from
/// which their addresses follow; a V4 pool has no code of its own.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    pub(crate) weth: Contract,
    pub(crate) token: Contract,
    pub(crate) swapper: Contract,
    pub(crate) v2_factory: Bytes,
    pub(crate) v3_factory: Bytes,
    pub(crate) pool_manager: Bytes,
    pub(crate) state_view: Bytes,
    pub(crate) v4_quoter: Bytes,
    pub(crate) fee_hook: Contract,
}

/// A contract compiled here.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    /// Constructor and code to deploy.
    pub(crate) creation: Bytes,
    /// What the chain holds afterwards. Our contracts have no immutables, so it is known beforehand.
    pub(crate) runtime: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    bytecode: Code,
    #[serde(default)]
    deployed_bytecode: Code,
}

/// Hexadecimal bytecode: bare in Hardhat's artifacts, inside an object in those of Foundry.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Bare(String),
    Inside { object: String },
}

impl Default for Code {
    fn default() -> Self {
        Self::Bare(String::new())
    }
}

impl Code {
    fn hex(&self) -> &str {
        let (Self::Bare(hex) | Self::Inside { object: hex }) = self;
        hex
    }
}

impl Artifacts {
    /// Reads `dir/artifacts/*.json` and `dir/node_modules/@uniswap/*`.
    ///
    /// # Errors
    /// A file is absent or malformed, or Uniswap's pools are not those of mainnet.
    pub(crate) fn read(dir: &Path) -> Result<Self, LoadError> {
        let own = |name: &str| -> Result<Contract, LoadError> {
            let path = dir.join("artifacts").join(name);
            let artifact = read(&path)?;
            let runtime = decode(&path, artifact.deployed_bytecode.hex())?;
            Ok(Contract { creation: decode(&path, artifact.bytecode.hex())?, runtime })
        };
        let theirs = |folder: &str, name: &str| -> Result<Bytes, LoadError> {
            let path = dir.join(folder).join(name);
            decode(&path, read(&path)?.bytecode.hex())
        };
        let v2_factory = theirs(V2_CORE, "UniswapV2Factory.json")?;
        let v2_pair = theirs(V2_CORE, "UniswapV2Pair.json")?;
        check("UniswapV2Pair", &v2_factory, &v2_pair, V2_PAIR_INIT_CODE_HASH)?;
        let v3_factory = theirs(V3_CORE, "UniswapV3Factory.sol/UniswapV3Factory.json")?;
        let v3_pool = theirs(V3_CORE, "UniswapV3Pool.sol/UniswapV3Pool.json")?;
        check("UniswapV3Pool", &v3_factory, &v3_pool, V3_POOL_INIT_CODE_HASH)?;
        Ok(Self {
            weth: own("WETH9.json")?,
            token: own("TestToken.json")?,
            swapper: own("Swapper.json")?,
            v2_factory,
            v3_factory,
            pool_manager: theirs(V4_CORE, "PoolManager.sol/PoolManager.json")?,
            state_view: theirs(V4_PERIPHERY, "StateView.sol/StateView.json")?,
            v4_quoter: theirs(V4_PERIPHERY, "V4Quoter.sol/V4Quoter.json")?,
            fee_hook: own("FeeHook.json")?,
        })
    }

    /// Changes when any bytecode changes, so that new contracts get new addresses instead of meeting old ones.
    pub(crate) fn fingerprint(&self) -> B256 {
        let parts = [
            &self.weth.creation,
            &self.token.creation,
            &self.swapper.creation,
            &self.v2_factory,
            &self.v3_factory,
            &self.pool_manager,
            &self.state_view,
            &self.v4_quoter,
            &self.fee_hook.creation,
        ];
        let hashes: Vec<u8> = parts.iter().flat_map(|code| keccak256(code).0).collect();
        keccak256(hashes)
    }
}

fn check(
    contract: &'static str,
    factory: &[u8],
    pool: &[u8],
    expected: B256,
) -> Result<(), LoadError> {
    let found = keccak256(pool);
    if found != expected {
        return Err(LoadError::InitCodeMismatch { contract, expected, found });
    }
    // The factory deploys the copy inside itself, so that is the one that must be right.
    if !factory.windows(pool.len()).any(|window| window == pool) {
        return Err(LoadError::FactoryMismatch { contract });
    }
    Ok(())
}

fn read(path: &Path) -> Result<Artifact, LoadError> {
    let text = fs::read(path)
        .map_err(|source| LoadError::ArtifactUnreadable { path: path.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|_| LoadError::ArtifactMalformed { path: path.to_owned() })
}

fn decode(path: &Path, code: &str) -> Result<Bytes, LoadError> {
    match hex::decode(code) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes.into()),
        _ => Err(LoadError::ArtifactMalformed { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_pool_or_a_factory_without_it_is_refused() {
        let pool = [1, 2, 3];
        let hash = keccak256(pool);
        assert!(check("P", &[0, 1, 2, 3, 4], &pool, hash).is_ok());
        assert!(matches!(
            check("P", &[0, 1, 2, 4], &pool, hash),
            Err(LoadError::FactoryMismatch { contract: "P" })
        ));
        assert!(matches!(
            check("P", &[0, 1, 2, 3, 4], &pool, B256::ZERO),
            Err(LoadError::InitCodeMismatch { .. })
        ));
    }
}
