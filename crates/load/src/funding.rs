//! Ether for many accounts at once.

use alloy_primitives::{Address, U256, hex};

use crate::{
    LoadError, Wallet,
    node::Node,
    setup::{Step, plan, run_steps},
};

/// Creation code that pays each address after it an equal share of the ether sent along, and leaves no contract behind.
/// It needs no artifact, so that plain transfers can be measured without Node.js. (Needs PUSH0: Shanghai.)
///
/// ```text
/// 00 PUSH1 20; PUSH1 table; CODESIZE; SUB; DIV; CALLVALUE; DIV      share
/// 09 PUSH1 table                                                    share, at
/// 0b JUMPDEST; CODESIZE; DUP2; LT; PUSH1 13; JUMPI; STOP            while at < codesize
/// 13 JUMPDEST; PUSH1 20; DUP2; PUSH1 12; CODECOPY                   memory[12..32] = code[at..at + 20]
/// 1a PUSH0 x4; DUP6; PUSH0; MLOAD; GAS; CALL                        pay
/// 23 ISZERO; PUSH1 2d; JUMPI; PUSH1 20; ADD; PUSH1 0b; JUMP         at += 20
/// 2d JUMPDEST; PUSH0; PUSH0; REVERT
/// 31 table
/// ```
const DISPERSE: [u8; 0x31] = hex!(
    "60146031380304340460315b38811060135700"
    "5b601481600c39"
    "5f5f5f5f855f515af1"
    "15602d57601401600b56"
    "5b5f5ffd"
);
/// Recipients of one transaction: 400 new accounts cost 14.8 million gas, below the cap of EIP-7825.
const RECIPIENTS_MAX: usize = 400;
/// Gas of a payment that creates its account, with the 20 bytes of its address.
const GAS_PER_RECIPIENT: u64 = 37_500;
const GAS_BASE: u64 = 120_000;

/// Brings every account of `recipients` to at least `target` wei, paid by `payer`.
///
/// # Errors
/// `payer` cannot afford it, or the node refuses a payment.
pub(crate) async fn fund(
    node: &mut Node,
    payer: &Wallet,
    recipients: &[Address],
    target: U256,
) -> Result<(), LoadError> {
    let balances = node.balances(recipients).await?;
    let short = recipients.iter().zip(&balances).filter(|(_, balance)| **balance < target);
    let (short, gaps): (Vec<Address>, Vec<U256>) =
        short.map(|(account, balance)| (*account, target - *balance)).unzip();
    let Some(gap) = gaps.into_iter().max() else { return Ok(()) };

    let steps: Vec<Step> = short.chunks(RECIPIENTS_MAX).map(|some| disperse(some, gap)).collect();
    let price = node.gas_price().await?;
    let needed =
        steps.iter().map(|step| step.cost_max(price)).fold(U256::ZERO, U256::saturating_add);
    let account = payer.address();
    let held = node.balance(account).await?;
    if held < needed {
        return Err(LoadError::InsufficientFunds { account, held, needed });
    }
    let nonce = node.nonce(account).await?;
    run_steps(node, &plan(payer, nonce, steps)).await
}

fn disperse(recipients: &[Address], each: U256) -> Step {
    let mut code = DISPERSE.to_vec();
    code.extend(recipients.iter().flat_map(|recipient| recipient.0.0));
    let count = recipients.len() as u64;
    Step::create("fund accounts", code, GAS_BASE + GAS_PER_RECIPIENT * count)
        .paying(each * U256::from(count))
}
