#![doc = include_str!("../README.md")]

mod error;
pub use error::KeyError;

mod source;
pub use source::KeySource;

mod local;
pub use local::LocalKey;

mod keystore;

mod remote;
pub use remote::{RemoteOptions, RemoteSigner};

mod signer;
pub use signer::Signer;
