# The recipes that the documentation names. `make run` and `make test` set up what they need.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
WEIR := $(TARGET_DIR)/release/weir
# How long `make run` goes on, as in `make run DURATION=60s`. Empty: until Ctrl-C.
DURATION ?=
# What `make run` logs beside its live line.
LOG ?= warn

.PHONY: run test crash fuzz lint fmt bench setup check-cargo

## A chain with Uniswap pools and steady traffic, checked against the contracts.
run: check-cargo
	@if command -v node >/dev/null && command -v npm >/dev/null; then scripts/setup-npm; \
	else echo "Node.js is absent: no contracts to deploy. 'cargo run --release -- dev' gives the chain alone." >&2; exit 1; fi
	@cargo build --release -p weir
	@exec $(WEIR) demo --datadir .weir/demo --log-filter $(LOG) $(if $(DURATION),--duration $(DURATION))

## Every test, end-to-end ones included. Ends with the test runner's summary.
test: check-cargo setup
	scripts/check-no-std
	cargo test --release --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then echo "cargo nextest run --release --workspace"; cargo nextest run --release --workspace; \
	else echo "cargo test --release --workspace --lib --bins --tests"; cargo test --release --workspace --lib --bins --tests; fi

## The long form of the crash test: a node under load is killed again and again, `make crash ROUNDS=300`.
ROUNDS ?= 300
crash: check-cargo
	WEIR_CRASH_ROUNDS=$(ROUNDS) cargo test --release --workspace --test it crash::no_acknowledged -- --nocapture

## Every fuzz target, `make fuzz SECONDS=60` for each.
SECONDS ?= 60
fuzz: check-cargo
	scripts/fuzz $(SECONDS)

## Packages that tests use: npm, PyPI, Debian. A tool that is absent makes its tests skip, and they say so.
setup:
	@if command -v node >/dev/null && command -v npm >/dev/null; then scripts/setup-npm; \
	else echo "setup: Node.js is absent, tests with contracts and JavaScript clients skip" >&2; fi
	@if command -v python3 >/dev/null; then scripts/setup-python; \
	else echo "setup: Python is absent, tests with web3.py skip" >&2; fi
	@scripts/setup-apt

lint: check-cargo
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	@if command -v cargo-deny >/dev/null; then cargo deny check; else echo "lint: cargo-deny is absent, skipped" >&2; fi
	@if command -v typos >/dev/null; then typos; else echo "lint: typos is absent, skipped" >&2; fi

fmt: check-cargo
	cargo fmt --all

## Every benchmark; bench/README.md says what each one answers.
bench: check-cargo setup
	cargo bench --manifest-path bench/Cargo.toml
	cargo build --release -p weir
	bench/load_vs_anvil.py --weir $(WEIR)

check-cargo:
	@command -v cargo >/dev/null || { echo "cargo is absent: install Rust from https://rustup.rs" >&2; exit 1; }
