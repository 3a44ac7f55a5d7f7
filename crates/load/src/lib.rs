#![doc = include_str!("../README.md")]

mod config;
pub use config::{LoadConfig, Rate, Scenario};

mod run;
pub use run::run_load;

mod report;
pub use report::LoadReport;

mod latency;
pub use latency::Percentiles;

mod traffic;
pub use traffic::{Traffic, TrafficConfig, TrafficCounters};

mod deploy;
pub use deploy::deploy;

mod deployment;
pub use deployment::{Deployment, Token, V2Pair, V3Pool};

mod deployment_v4;
pub use deployment_v4::{DYNAMIC_FEE, V4Deployment, V4Hook, V4Pool};

mod artifacts;
pub use artifacts::{V2_PAIR_INIT_CODE_HASH, V3_POOL_INIT_CODE_HASH};

mod wallet;
pub use wallet::Wallet;

mod error;
pub use error::LoadError;

mod calls_v4;
mod connection;
mod contracts;
mod deploy_v4;
mod endpoint;
mod funding;
mod in_flight;
mod lane;
mod market;
mod node;
mod progress;
mod setup;
mod signing;
mod tracker;
mod traffic_sender;
mod workload;
