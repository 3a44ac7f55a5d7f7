//! Pool states from a node.

use super::{
    NodeState, PoolRefusal, ReadError, ReadFuture, StateReader,
    contract::ContractReader,
    layout::{v2_hydration, v3_hydration, v4_hydration, v4_key},
};
use weir_arena::{Hydration, PoolId, PoolStatic, Protocol};
use weir_primitives::BlockRef;

impl<N: NodeState> StateReader for N {
    fn read<'a>(&'a self, pool: &'a PoolStatic, at: BlockRef) -> ReadFuture<'a> {
        Box::pin(read(self, pool, at))
    }
}

async fn read(
    node: &dyn NodeState,
    pool: &PoolStatic,
    at: BlockRef,
) -> Result<Hydration, ReadError> {
    let reader = ContractReader { node, block_hash: at.hash };
    match (pool.protocol, pool.key.id) {
        (Protocol::UniswapV2, PoolId::Address(address)) => {
            v2_hydration(pool, &reader.v2(address).await?)
        }
        (Protocol::UniswapV3 | Protocol::PancakeV3, PoolId::Address(address)) => {
            v3_hydration(pool, &reader.v3(address).await?)
        }
        (Protocol::UniswapV4, PoolId::Id(_)) => {
            let key = v4_key(pool).ok_or(ReadError::Refused(PoolRefusal::Row))?;
            v4_hydration(pool, &reader.v4(pool.factory, &key).await?)
        }
        (_, PoolId::Address(_) | PoolId::Id(_)) => Err(ReadError::Refused(PoolRefusal::Protocol)),
    }
}
