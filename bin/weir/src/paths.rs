//! The search for paths as the settings say.

use crate::settings::PathSettings;
use alloy_primitives::{Address, U256};
use eyre::Context;
use weir_liquidity::{BaseTokens, PathsOptions};
use weir_route::{BaseToken, CycleOptions, TokenPrice};

/// What the settings ask for.
pub(crate) fn paths_options(settings: &PathSettings) -> eyre::Result<PathsOptions> {
    let wrapped_native = settings.wrapped_native;
    let bases = match settings.base_tokens.trim() {
        "" => BaseTokens::default(),
        list => BaseTokens::Listed(
            list.split(',')
                .map(|token| base_token(token.trim(), wrapped_native))
                .collect::<eyre::Result<_>>()?,
        ),
    };
    let cycles = CycleOptions { hops_max: settings.cycle_hops.into(), ..CycleOptions::default() };
    Ok(PathsOptions { bases, cycles, wrapped_native, ..PathsOptions::default() })
}

/// The native coin and its wrapped token are worth what they are; nobody tells what others are worth.
fn base_token(text: &str, wrapped_native: Option<Address>) -> eyre::Result<BaseToken> {
    let token: Address =
        text.parse().wrap_err_with(|| format!("base token is no address: {text:?}"))?;
    let is_native = token.is_zero() || Some(token) == wrapped_native;
    let price = is_native.then_some(TokenPrice::NATIVE);
    Ok(BaseToken { token, price, min_profit: U256::ONE })
}
