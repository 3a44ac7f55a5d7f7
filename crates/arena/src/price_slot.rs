//! Where the contracts keep a pool's price.

use crate::{PoolId, PoolState, PoolStatic, Protocol};
use alloy_primitives::{Address, B256, U256, keccak256};
use weir_primitives::{PoolPrice, PriceForm, PriceSlot};

/// Storage slot of `UniswapV2Pair`'s reserves, behind the five of `UniswapV2ERC20`, factory and tokens.
const V2_RESERVES_SLOT: u64 = 8;
/// Storage slot of `slot0` in `UniswapV3Pool` and `PancakeV3Pool`.
const V3_SLOT0: u64 = 0;
/// Storage slot of `PoolManager._pools` (v4-core, `StateLibrary.POOLS_SLOT`).
const V4_POOLS_SLOT: u64 = 6;

/// First slot of a pool's state in Uniswap V4's PoolManager, which is that of its `slot0`.
pub fn v4_state_slot(id: B256) -> U256 {
    let key = [id, B256::from(U256::from(V4_POOLS_SLOT))];
    keccak256(key.concat()).into()
}

impl PoolStatic {
    /// Where the pool's price is in the chain's state. A fork of Uniswap's contracts may keep it elsewhere: compare what is
    /// there with [`PoolState::price`] once.
    pub fn price_slot(&self) -> PriceSlot {
        let contract = match self.key.id {
            PoolId::Address(address) => address,
            PoolId::Id(_) => self.factory,
        };
        let slot = |contract: Address, slot, form| PriceSlot { contract, slot, form };
        match (self.protocol, self.key.id) {
            (Protocol::UniswapV2, _) => {
                slot(contract, U256::from(V2_RESERVES_SLOT), PriceForm::Reserves)
            }
            (Protocol::UniswapV4, PoolId::Id(id)) => {
                slot(contract, v4_state_slot(id), PriceForm::SqrtPrice)
            }
            (Protocol::UniswapV3 | Protocol::PancakeV3 | Protocol::UniswapV4, _) => {
                slot(contract, U256::from(V3_SLOT0), PriceForm::SqrtPrice)
            }
        }
    }
}

impl PoolState {
    /// The pool's price as its slot would show it; `None` if it has none.
    pub fn price(&self) -> Option<PoolPrice> {
        let root = match self {
            Self::V2(state) => {
                let reserve0 = U256::from(state.reserves.reserve0);
                let reserve1 = U256::from(state.reserves.reserve1);
                let has_price = !reserve0.is_zero() && !reserve1.is_zero();
                return has_price.then_some(PoolPrice::Reserves { reserve0, reserve1 });
            }
            Self::V3(state) => state.slot.sqrt_price.get(),
            Self::V4(state) => state.slot.sqrt_price.get(),
        };
        (!root.is_zero()).then_some(PoolPrice::SqrtPrice(root))
    }
}
