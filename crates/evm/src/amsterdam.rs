//! Amsterdam as its witness vectors have it. The fork is not final; what this program builds ends before it.

use alloy_evm::EvmEnv;
use revm::{
    bytecode::opcode,
    context_interface::cfg::{GasParams, gas_params::GasId},
    interpreter::instructions::GasTable,
    primitives::hardfork::SpecId,
};

/// Which draft of Amsterdam a chain follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmsterdamRules {
    /// That of the vectors `tests-zkevm` 0.3.3 (April 2026): the fork's logs of transfers (EIP-7708), access lists of
    /// blocks (EIP-7928), slot numbers (EIP-7843), block gas without refunds (EIP-7778) and state gas (EIP-8037) at
    /// 1,174 gas a byte, with the costs of Osaka where later drafts changed them (EIP-2780, EIP-8038).
    ///
    /// What a call within a transaction spent on state and then undid is given back as in the later drafts.
    April2026,
}

/// Gas for a byte of new state (EIP-8037).
const STATE_BYTE_GAS: u64 = 1_174;
/// Bytes that a new slot counts for.
const SLOT_BYTES: u64 = 32;
/// Bytes that a new account counts for.
const ACCOUNT_BYTES: u64 = 112;
/// Bytes that a delegation counts for.
const DELEGATION_BYTES: u64 = 23;
/// Gas of a creation beside its state gas.
const CREATE_GAS: u64 = 9_000;
/// Gas of a slot's change beside its state gas and beside the warm access: as if it had been there.
const SLOT_WRITE_GAS: u64 = 2_800;
/// Gas of an authorization beside its state gas.
const AUTHORIZATION_GAS: u64 = 7_500;

impl AmsterdamRules {
    /// Puts the draft's costs in the place of those of the executor's draft.
    pub(crate) fn configure(self, env: &mut EvmEnv) {
        let Self::April2026 = self;
        let mut gas = GasParams::new_spec(SpecId::OSAKA);
        gas.override_gas([
            (GasId::code_deposit_cost(), 0),
            (GasId::code_deposit_state_gas(), STATE_BYTE_GAS),
            (GasId::sstore_set_without_load_cost(), SLOT_WRITE_GAS),
            (GasId::sstore_set_refund(), SLOT_WRITE_GAS),
            (GasId::sstore_set_state_gas(), SLOT_BYTES * STATE_BYTE_GAS),
            (GasId::new_account_cost(), 0),
            (GasId::new_account_cost_for_selfdestruct(), 0),
            (GasId::new_account_state_gas(), ACCOUNT_BYTES * STATE_BYTE_GAS),
            (GasId::create(), CREATE_GAS),
            (GasId::tx_create_cost(), CREATE_GAS),
            (GasId::create_state_gas(), ACCOUNT_BYTES * STATE_BYTE_GAS),
            (GasId::tx_eip7702_regular_gas(), AUTHORIZATION_GAS),
            (GasId::tx_eip7702_regular_refund(), 0),
            (GasId::tx_eip7702_state_gas_bytecode(), DELEGATION_BYTES * STATE_BYTE_GAS),
        ]);
        env.cfg_env.gas_params = gas;
        env.cfg_env.enable_amsterdam_eip2780 = false;
    }

    /// The draft that [`Self::configure`] was told, if there is one.
    pub(crate) fn of(env: &EvmEnv) -> Option<Self> {
        let cfg = &env.cfg_env;
        let is_draft = cfg.spec == SpecId::AMSTERDAM && !cfg.enable_amsterdam_eip2780;
        is_draft.then_some(Self::April2026)
    }

    /// Takes back what the executor's draft adds to the instructions' costs (EIP-8038).
    pub(crate) fn configure_instructions(self, table: &mut GasTable) {
        let Self::April2026 = self;
        let osaka = revm::interpreter::instructions::gas_table_spec(SpecId::OSAKA);
        for code in [opcode::EXTCODESIZE, opcode::EXTCODECOPY] {
            table[usize::from(code)] = osaka[usize::from(code)];
        }
    }
}
