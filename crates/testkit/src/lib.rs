#![doc = include_str!("../README.md")]

mod child;
pub use child::Child;

mod fixtures;
pub use fixtures::{Archive, fixtures};

mod nats;
pub use nats::NatsServer;

mod peers;
pub use peers::Peers;

mod remote_signer;
pub use remote_signer::{RemoteSignerServer, SignerManner};
