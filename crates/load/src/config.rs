//! What to run.

use std::{fmt, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use serde::{Serialize, Serializer};

use crate::{LoadError, Wallet};

/// Accounts that a run can use: their nonces and balances are read one by one.
const ACCOUNTS_MAX: usize = 1_000_000;
/// Transactions of one account that nodes commonly hold without a refusal; Weir holds 4096.
const PENDING_PER_ACCOUNT_MAX: u32 = 4_000;
/// Connections that a run can open, below the usual limit of file descriptors.
const CONNECTIONS_MAX: usize = 900;

/// What the transactions of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Plain transfers of one wei between the accounts. Needs no artifacts.
    Transfers,
    /// ERC-20 transfers between the accounts.
    Erc20,
    /// Swaps on Uniswap V2 pairs, both directions.
    V2Swaps,
    /// Swaps on Uniswap V3 pools, both directions.
    V3Swaps,
    /// Swaps on Uniswap V4 pools, both directions: static fees, the native coin, a hook, a dynamic fee.
    V4Swaps,
    /// A fifth of each.
    Mixed,
}

impl Scenario {
    /// All scenarios with their names on the command line.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Transfers, "transfers"),
        (Self::Erc20, "erc20"),
        (Self::V2Swaps, "v2-swaps"),
        (Self::V3Swaps, "v3-swaps"),
        (Self::V4Swaps, "v4-swaps"),
        (Self::Mixed, "mixed"),
    ];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(scenario, _)| scenario == self);
        f.write_str(named.map_or("unnamed", |(_, name)| name))
    }
}

impl FromStr for Scenario {
    type Err = LoadError;

    fn from_str(name: &str) -> Result<Self, LoadError> {
        let found =
            Self::ALL.iter().find(|(_, known)| *known == name).map(|(scenario, _)| *scenario);
        found.ok_or(LoadError::InvalidSetting {
            setting: "scenario",
            allowed: "transfers, erc20, v2-swaps, v3-swaps, v4-swaps or mixed",
        })
    }
}

/// How fast transactions arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Open loop: this many a second arrive at fixed times, whatever the node does.
    PerSecond(NonZeroU32),
    /// Closed loop: each connection sends when it has the last answer and the node has room, see
    /// [`LoadConfig::pending_max`].
    Max,
}

impl FromStr for Rate {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let invalid = LoadError::InvalidSetting {
            setting: "rate",
            allowed: "max or transactions a second, above 0",
        };
        text.parse().map(Self::PerSecond).map_err(|_| invalid)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Max => f.write_str("max"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A load run.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// The node's address, `http://host:port`.
    pub rpc: String,
    /// What the transactions do.
    pub scenario: Scenario,
    /// Sending accounts.
    pub accounts: usize,
    /// How fast transactions arrive.
    pub rate: Rate,
    /// How long transactions are sent.
    pub duration: Duration,
    /// Pays for everything.
    pub key: Wallet,
    /// Folder with `artifacts/` and `node_modules/`; not read for plain transfers.
    pub artifacts: PathBuf,
    /// HTTP connections, each with one request in flight.
    pub connections: usize,
    /// Accepted transactions that may wait for a block with [`Rate::Max`], all accounts together; each has an equal share.
    pub pending_max: u32,
    /// Transactions signed before the run with [`Rate::Max`]; more are signed during it if they do not suffice.
    pub sign_ahead: usize,
    /// How long to wait for the last transactions to be included.
    pub drain: Duration,
    /// Chooses recipients, pools, directions and amounts.
    pub seed: u64,
    /// Whether to draw a progress bar on stderr, if that is a terminal.
    pub progress: bool,
}

impl LoadConfig {
    /// A run with the defaults of the command line.
    pub fn new(rpc: String, scenario: Scenario) -> Self {
        Self {
            rpc,
            scenario,
            accounts: 1_000,
            rate: Rate::Max,
            duration: Duration::from_secs(30),
            key: Wallet::test_account(),
            artifacts: PathBuf::from("e2e"),
            connections: 32,
            pending_max: 50_000,
            sign_ahead: 200_000,
            drain: Duration::from_secs(30),
            seed: 0,
            progress: true,
        }
    }

    /// The share of one account in [`Self::pending_max`].
    pub(crate) fn pending_per_account(&self) -> u32 {
        let share = self.pending_max as usize / self.accounts;
        u32::try_from(share).unwrap_or(u32::MAX).clamp(1, PENDING_PER_ACCOUNT_MAX)
    }

    pub(crate) fn validate(&self) -> Result<(), LoadError> {
        let settings = [
            ("accounts", 0 < self.accounts && self.accounts <= ACCOUNTS_MAX, "1 to 1000000"),
            (
                "connections",
                0 < self.connections && self.connections <= CONNECTIONS_MAX,
                "1 to 900",
            ),
            ("pending_max", 0 < self.pending_max, "above 0"),
            ("duration", !self.duration.is_zero(), "above 0"),
        ];
        match settings.into_iter().find(|(_, valid, _)| !valid) {
            Some((setting, _, allowed)) => Err(LoadError::InvalidSetting { setting, allowed }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (scenario, name) in Scenario::ALL {
            assert_eq!(name.parse::<Scenario>().unwrap(), scenario);
            assert_eq!(scenario.to_string(), name);
        }
        assert!("swaps".parse::<Scenario>().is_err());
        assert_eq!("max".parse::<Rate>().unwrap(), Rate::Max);
        assert_eq!("250".parse::<Rate>().unwrap().to_string(), "250");
        for rate in ["0", "-1", "1.5", "", "fast"] {
            assert!(rate.parse::<Rate>().is_err(), "{rate}");
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = LoadConfig { accounts: 0, ..LoadConfig::new(String::new(), Scenario::Mixed) };
        assert!(matches!(
            config.validate(),
            Err(LoadError::InvalidSetting { setting: "accounts", .. })
        ));
    }
}
