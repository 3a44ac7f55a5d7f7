//! tmp
use std::path::PathBuf;
use weir_conformance::*;
fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().expect("kind");
    let paths: Vec<PathBuf> = args.map(PathBuf::from).collect();
    let r = match kind.as_str() {
        "s" => run_state_tests(&paths),
        "b" => run_block_tests(&paths),
        _ => run_transaction_tests(&paths),
    };
    println!("{r}");
}
