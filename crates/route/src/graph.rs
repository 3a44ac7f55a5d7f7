//! Tokens and the pools between them.

use crate::RouteError;
use alloy_primitives::{Address, map::AddressMap};
use weir_amm::Direction;
use weir_arena::{PoolIdx, PoolSnapshot};

/// A pool seen from one of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The token on the other side.
    pub(crate) to: u32,
    pub(crate) pool: PoolIdx,
    /// The way to the other side.
    pub(crate) direction: Direction,
}

/// All pools of one topology as the edges between their tokens, whatever their status.
///
/// The native coin, which is the zero address in pools that trade it, and its wrapped token are one token here, if the
/// wrapped token is named. A pool that trades the two for each other is left out then.
#[derive(Debug, Clone)]
pub struct TokenGraph {
    chain_id: u64,
    topology: u64,
    wrapped_native: Option<Address>,
    /// In ascending order.
    tokens: Vec<Address>,
    index: AddressMap<u32>,
    /// Where each token's edges begin; one more than tokens.
    starts: Vec<u32>,
    /// By token, then by the other token, then by pool.
    edges: Vec<Edge>,
    /// One more than the highest index of a pool.
    slots: usize,
}

impl TokenGraph {
    /// The graph of the snapshot's pools.
    pub fn new(snapshot: &PoolSnapshot, wrapped_native: Option<Address>) -> Self {
        let unify = |token: Address| match wrapped_native {
            Some(wrapped) if token.is_zero() => wrapped,
            _ => token,
        };
        let pairs: Vec<(PoolIdx, [Address; 2])> = snapshot
            .pools()
            .map(|(idx, pool)| (idx, [pool.statics().token0, pool.statics().token1].map(unify)))
            .filter(|(_, [token0, token1])| token0 != token1)
            .collect();
        let mut tokens: Vec<Address> = pairs.iter().flat_map(|(_, tokens)| *tokens).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let index: AddressMap<u32> = tokens.iter().copied().zip(0..).collect();
        let slots = pairs.iter().map(|(idx, _)| idx.get() + 1).max().unwrap_or(0);
        let mut edges = Vec::with_capacity(2 * pairs.len());
        for (pool, pair) in pairs {
            let [token0, token1] = pair.map(|token| index[&token]);
            edges.push((token0, Edge { to: token1, pool, direction: Direction::ZeroForOne }));
            edges.push((token1, Edge { to: token0, pool, direction: Direction::OneForZero }));
        }
        edges.sort_unstable_by_key(|(from, edge)| (*from, edge.to, edge.pool));
        let mut starts = vec![0; tokens.len() + 1];
        for (from, _) in &edges {
            starts[*from as usize + 1] += 1;
        }
        for token in 0..tokens.len() {
            starts[token + 1] += starts[token];
        }
        let edges = edges.into_iter().map(|(_, edge)| edge).collect();
        let (chain_id, topology) = (snapshot.chain_id(), snapshot.topology());
        Self { chain_id, topology, wrapped_native, tokens, index, starts, edges, slots }
    }

    /// Topology counter of the snapshot that it was built from.
    pub const fn topology(&self) -> u64 {
        self.topology
    }

    /// The token that stands for the native coin, too.
    pub const fn wrapped_native(&self) -> Option<Address> {
        self.wrapped_native
    }

    /// Every token once, in ascending order.
    pub fn tokens(&self) -> &[Address] {
        &self.tokens
    }

    /// The pools that trade the two tokens for each other, in the order of their indices.
    pub fn pools_between(&self, a: Address, b: Address) -> impl Iterator<Item = PoolIdx> {
        let edges = match (self.token(a), self.token(b)) {
            (Some(a), Some(b)) => self.edges_between(a, b),
            _ => &[],
        };
        edges.iter().map(|edge| edge.pool)
    }

    /// Whether the snapshot has the pools of this graph, at the same indices.
    pub fn is_of(&self, snapshot: &PoolSnapshot) -> bool {
        self.chain_id == snapshot.chain_id() && self.topology == snapshot.topology()
    }

    pub(crate) fn require_of(&self, snapshot: &PoolSnapshot) -> Result<(), RouteError> {
        let (graph, topology) = (self.topology, snapshot.topology());
        if self.is_of(snapshot) {
            Ok(())
        } else {
            Err(RouteError::StaleGraph { graph, snapshot: topology })
        }
    }

    pub(crate) fn token(&self, token: Address) -> Option<u32> {
        self.index.get(&self.unified(token)).copied()
    }

    pub(crate) fn require_token(&self, token: Address) -> Result<u32, RouteError> {
        self.token(token).ok_or(RouteError::UnknownToken { token })
    }

    /// The token under which the graph knows this one.
    pub(crate) fn unified(&self, token: Address) -> Address {
        self.wrapped_native.filter(|_| token.is_zero()).unwrap_or(token)
    }

    pub(crate) fn edges_from(&self, token: u32) -> &[Edge] {
        let (start, end) = (self.starts[token as usize], self.starts[token as usize + 1]);
        &self.edges[start as usize..end as usize]
    }

    pub(crate) fn edges_between(&self, from: u32, to: u32) -> &[Edge] {
        let edges = self.edges_from(from);
        let start = edges.partition_point(|edge| edge.to < to);
        let end = start + edges[start..].partition_point(|edge| edge.to == to);
        &edges[start..end]
    }

    /// One more than the highest index of a pool.
    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }
}
