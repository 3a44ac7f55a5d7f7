//! Load and traffic against a real node: anvil.

mod anvil;
mod load;
mod traffic;
