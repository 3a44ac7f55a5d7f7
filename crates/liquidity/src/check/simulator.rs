//! Two small programs that `eth_call` runs in place of real accounts, by code override.

use crate::reader::abi;
use alloy_primitives::{Address, Bytes, I256, U160, U256, address, hex};
use alloy_sol_types::SolCall;

/// Where the batch program runs: an address of our choice, at which nobody has deployed anything.
pub(super) const SIMULATOR: Address = address!("0x57e1b001c4ec3a11fe1d1e0000000000000c4ec3");

/// Runs a batch of calls and returns what each of them returned or reverted with.
///
/// Input is a run of `target (32 bytes) | length (32 bytes) | data (length bytes)`, output a run of
/// `success (32 bytes) | length (32 bytes) | data (length bytes)`. Called back by a V3 pool, it reverts with the two
/// amounts, so that the swap is undone and its result is read from the revert data. Called back by a V4 PoolManager that
/// it unlocked, it makes the call that it was given and reverts with what that returned.
///
/// ```text
///     #00 CALLDATALOAD #e0 SHR
///     DUP1 #fa461e33 EQ @paid JUMPI                            ; uniswapV3SwapCallback
///     DUP1 #23a69e75 EQ @paid JUMPI                            ; pancakeV3SwapCallback
///     #91dd7346 EQ @unlocked JUMPI                             ; unlockCallback
///     #00 #00                                                  ; stack: out, in
/// loop:
///     DUP1 CALLDATASIZE GT ISZERO @end JUMPI
///     DUP1 #20 ADD CALLDATALOAD                                ; stack: out, in, n
///     DUP1 DUP3 #40 ADD DUP5 CALLDATACOPY                      ; memory[out..] = data
///     #00 #00 DUP3 DUP6 #00 DUP7 CALLDATALOAD GAS CALL
///     DUP4 MSTORE                                              ; memory[out] = success
///     RETURNDATASIZE DUP4 #20 ADD MSTORE                       ; memory[out + 32] = length
///     RETURNDATASIZE #00 DUP5 #40 ADD RETURNDATACOPY
///     ADD #40 ADD                                              ; in += 64 + n
///     SWAP1 RETURNDATASIZE ADD #40 ADD SWAP1                   ; out += 64 + length
///     @loop JUMP
/// end:      POP #00 RETURN
/// paid:     #40 #04 #00 CALLDATACOPY #40 #00 REVERT
/// unlocked:
///     #24 CALLDATALOAD                                         ; stack: n
///     DUP1 #44 #00 CALLDATACOPY                                ; memory[0..] = data
///     #00 #00 DUP3 #00 #00 CALLER GAS CALL
///     RETURNDATASIZE #00 #00 RETURNDATACOPY
///     RETURNDATASIZE #00 REVERT
/// ```
pub(super) const SIMULATOR_CODE: Bytes = Bytes::from_static(&hex!(
    "60003560e01c8063fa461e3314606a57806323a69e7514606a576391dd734614607757600060005b80361115606557806020013580826040018437600060008285600086355af183523d83602001523d6000846040013e01604001903d01604001906027565b506000f35b6040600460003760406000fd5b602435806044600037600060008260006000335af13d600060003e3d6000fd"
));

/// Stands in for a pair's tokens: a balance that can be set, transfers that always succeed.
///
/// ```text
///     #00 CALLDATALOAD #e0 SHR
///     DUP1 #70a08231 EQ @balance JUMPI                         ; balanceOf(address)
///     #a9059cbb EQ @transfer JUMPI                             ; transfer(address,uint256)
///     #04 CALLDATALOAD #00 SSTORE STOP                         ; setBalance(uint256)
/// balance:  #00 SLOAD #00 MSTORE #20 #00 RETURN
/// transfer: #01 #00 MSTORE #20 #00 RETURN
/// ```
pub(super) const TOKEN_STUB_CODE: Bytes = Bytes::from_static(&hex!(
    "60003560e01c806370a082311460205763a9059cbb14602c57600435600055005b60005460005260206000f35b600160005260206000f3"
));

/// One call of a batch.
#[derive(Debug, Clone)]
pub(super) struct SimulatedCall {
    pub(super) target: Address,
    pub(super) data: Vec<u8>,
}

impl SimulatedCall {
    /// A V3 swap of exactly `amount_in`, down to the last price.
    pub(super) fn v3_swap(pool: Address, zero_for_one: bool, amount_in: U256) -> Option<Self> {
        let call = abi::V3Pool::swapCall {
            recipient: SIMULATOR,
            zeroForOne: zero_for_one,
            amountSpecified: amount_in.try_into().ok()?,
            sqrtPriceLimitX96: last_price(zero_for_one),
            data: Bytes::new(),
        };
        Some(Self { target: pool, data: call.abi_encode() })
    }

    /// A V4 swap of exactly `amount_in`, down to the last price.
    pub(super) fn v4_swap(
        manager: Address,
        key: &abi::PoolKey,
        zero_for_one: bool,
        amount_in: U256,
    ) -> Option<Self> {
        let params = abi::SwapParams {
            zeroForOne: zero_for_one,
            amountSpecified: -I256::try_from(amount_in).ok()?,
            sqrtPriceLimitX96: last_price(zero_for_one),
        };
        let swap = abi::PoolManager::swapCall { key: key.clone(), params, hookData: Bytes::new() };
        let unlock = abi::PoolManager::unlockCall { data: swap.abi_encode().into() };
        Some(Self { target: manager, data: unlock.abi_encode() })
    }

    /// A V2 swap that takes `amount_out`; the stubs say what the pair holds.
    pub(super) fn v2_swap(pair: Address, zero_for_one: bool, amount_out: U256) -> Self {
        let (amount0, amount1) =
            if zero_for_one { (U256::ZERO, amount_out) } else { (amount_out, U256::ZERO) };
        let call = abi::V2Pair::swapCall {
            amount0Out: amount0,
            amount1Out: amount1,
            to: SIMULATOR,
            data: Bytes::new(),
        };
        Self { target: pair, data: call.abi_encode() }
    }

    /// Sets what a stub reports as everybody's balance.
    pub(super) fn set_balance(token: Address, balance: U256) -> Self {
        Self { target: token, data: abi::TokenStub::setBalanceCall { balance }.abi_encode() }
    }
}

/// The limit that no swap is stopped by before the pool has nothing left.
fn last_price(zero_for_one: bool) -> U160 {
    let (lowest, highest) = (weir_amm::SqrtPriceX96::MIN, weir_amm::SqrtPriceX96::MAX);
    let limit =
        if zero_for_one { lowest.get() + U256::from(1) } else { highest.get() - U256::from(1) };
    limit.to()
}

/// The input of the batch program.
pub(super) fn encode_batch(calls: &[SimulatedCall]) -> Bytes {
    let mut input = Vec::new();
    for call in calls {
        input.extend_from_slice(call.target.into_word().as_slice());
        input.extend_from_slice(&U256::from(call.data.len()).to_be_bytes::<32>());
        input.extend_from_slice(&call.data);
    }
    input.into()
}

/// How one call of a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SimulatedOutcome {
    pub(super) is_success: bool,
    pub(super) data: Vec<u8>,
}

impl SimulatedOutcome {
    /// The amounts that a V3 pool asked for in its callback, pool-side: positive is owed to the pool.
    pub(super) fn callback_amounts(&self) -> Option<[I256; 2]> {
        let (first, rest) = self.data.split_first_chunk::<32>()?;
        let second: &[u8; 32] = rest.try_into().ok()?;
        (!self.is_success).then(|| [*first, *second].map(I256::from_be_bytes::<32>))
    }

    /// The amounts of a V4 swap, pool-side as above: the manager counts what it owes its caller, in two halves of a word.
    /// A swap that reverts has an answer of another length: four bytes and words.
    pub(super) fn delta_amounts(&self) -> Option<[I256; 2]> {
        let delta: [u8; 32] = self.data.as_slice().try_into().ok()?;
        let (first, second) = delta.split_first_chunk::<16>()?;
        let second: [u8; 16] = second.try_into().ok()?;
        let amount = |half| I256::try_from(i128::from_be_bytes(half)).ok()?.checked_neg();
        Some([amount(*first)?, amount(second)?])
    }
}

/// The output of the batch program; `None` if it is not of that form.
pub(super) fn decode_batch(mut output: &[u8]) -> Option<Vec<SimulatedOutcome>> {
    let mut outcomes = Vec::new();
    while !output.is_empty() {
        let (success, rest) = output.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<32>()?;
        let length = usize::try_from(U256::from_be_bytes(*length)).ok()?;
        let data = rest.get(..length)?.to_vec();
        output = &rest[length..];
        outcomes.push(SimulatedOutcome { is_success: success[31] == 1, data });
    }
    Some(outcomes)
}
