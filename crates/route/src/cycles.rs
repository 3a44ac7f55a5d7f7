//! Simple cycles through base tokens, enumerated once a topology.

use crate::{Hop, TokenGraph, graph::Edge};
use alloy_primitives::Address;
use weir_amm::Direction;
use weir_arena::PoolIdx;

/// The most pools of a cycle: a row has room for so many.
pub const CYCLE_HOPS_MAX: usize = 4;
/// How many cycles are kept unless told otherwise; about 32 bytes each.
pub const DEFAULT_CYCLES_MAX: usize = 1_000_000;
/// Edges looked at for each cycle that may be kept: a bound on the time of an enumeration that finds little.
const VISITS_PER_CYCLE: usize = 64;

/// Which cycles are enumerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleOptions {
    /// The most pools of a cycle, two to [`CYCLE_HOPS_MAX`]; what is outside is taken as the nearest.
    pub hops_max: usize,
    /// The most cycles kept.
    pub cycles_max: usize,
}

impl Default for CycleOptions {
    fn default() -> Self {
        Self { hops_max: 3, cycles_max: DEFAULT_CYCLES_MAX }
    }
}

/// Why an enumeration is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TruncationCause {
    /// [`CycleOptions::cycles_max`] cycles were found.
    Cycles,
    /// As many edges were looked at as that number of cycles allows.
    Visits,
}

/// An enumeration that stopped at its bound. Short cycles come first, so the longest are those that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CyclesTruncated {
    /// Cycles kept.
    pub kept: usize,
    /// Pools of the cycles that are not all there; all longer ones are missing, shorter ones are complete.
    pub hops: usize,
    /// The base token at which the enumeration stopped.
    pub base: Address,
    /// The bound.
    pub cause: TruncationCause,
}

/// A pool and a direction in one number, the direction in the lowest bit.
pub(crate) const fn code(pool: PoolIdx, direction: Direction) -> u32 {
    (pool.0 << 1) | !direction.is_zero_for_one() as u32
}

pub(crate) const fn hop(code: u32) -> Hop {
    let direction = if code & 1 == 0 { Direction::ZeroForOne } else { Direction::OneForZero };
    Hop { pool: PoolIdx(code >> 1), direction }
}

/// Codes of a cycle's hops; what is left of the row has [`CycleSet::blank`].
pub(crate) type Row = [u32; CYCLE_HOPS_MAX];

/// Cycles as rows of hops, and for each pool the cycles through it.
///
/// A cycle and its reverse are one row: the logarithms of their rates sum to less than zero, so at most one of the two
/// is profitable. A row is of fixed width, 16 bytes, so that its place follows from its number.
#[derive(Debug, Clone, Default)]
pub struct CycleSet {
    rows: Vec<Row>,
    /// Ranks of the base tokens.
    bases: Vec<u32>,
    /// Where each pool's list begins; one more than pools.
    starts: Vec<u32>,
    lists: Vec<u32>,
    blank: u32,
    truncated: Option<CyclesTruncated>,
}

impl CycleSet {
    /// All simple cycles through the base tokens, the shortest first. A cycle through several base tokens is one of the
    /// first of them in the list. Tokens that the graph does not have are in no cycle.
    pub fn enumerate(graph: &TokenGraph, bases: &[Address], options: CycleOptions) -> Self {
        let mut run = Enumeration::new(graph, bases, options.cycles_max);
        for hops in 2..=options.hops_max.clamp(2, CYCLE_HOPS_MAX) {
            run.run(hops);
        }
        let Enumeration { rows, bases, truncated, blank, .. } = run;
        let (starts, lists) = inverted(&rows, graph.slots());
        Self { rows, bases, starts, lists, blank, truncated }
    }

    /// Number of cycles, a cycle and its reverse counted once.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What is missing, if something is.
    pub const fn truncated(&self) -> Option<CyclesTruncated> {
        self.truncated
    }

    /// Numbers of the cycles through a pool, ascending.
    pub fn through(&self, pool: PoolIdx) -> &[u32] {
        match self.starts.get(pool.get()..pool.get() + 2) {
            Some([start, end]) => &self.lists[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// Hops of a cycle from its base token on, in either sense.
    pub fn hops(&self, cycle: u32, is_reverse: bool) -> impl ExactSizeIterator<Item = Hop> {
        let (row, len) = self.oriented(cycle, is_reverse);
        row.into_iter().take(len).map(hop)
    }

    /// The cycle's row in either sense, and its length.
    #[inline]
    pub(crate) fn oriented(&self, cycle: u32, is_reverse: bool) -> (Row, usize) {
        let mut row = self.rows[cycle as usize];
        let len = row.iter().position(|code| *code == self.blank).unwrap_or(CYCLE_HOPS_MAX);
        if is_reverse {
            row[..len].reverse();
            row[..len].iter_mut().for_each(|code| *code ^= 1);
        }
        (row, len)
    }

    #[inline]
    pub(crate) fn row(&self, cycle: u32) -> &Row {
        &self.rows[cycle as usize]
    }

    /// Place of the cycle's base token in the list that the set was enumerated with.
    pub(crate) fn base_rank(&self, cycle: u32) -> usize {
        self.bases[cycle as usize] as usize
    }
}

/// For each pool the cycles through it, by counting.
fn inverted(rows: &[Row], slots: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; slots + 1];
    let pools = |row: &Row| row.map(|code| (code >> 1) as usize);
    for pool in rows.iter().flat_map(pools).filter(|pool| *pool < slots) {
        starts[pool + 1] += 1;
    }
    for pool in 0..slots {
        starts[pool + 1] += starts[pool];
    }
    let mut next = starts.clone();
    let mut lists = vec![0; starts[slots] as usize];
    for (cycle, row) in (0u32..).zip(rows) {
        for pool in pools(row).into_iter().filter(|pool| *pool < slots) {
            lists[next[pool] as usize] = cycle;
            next[pool] += 1;
        }
    }
    (starts, lists)
}

/// Rank of what is no base token: after all of them.
const NO_RANK: u32 = u32::MAX;

struct Enumeration<'a> {
    graph: &'a TokenGraph,
    /// Each base token of the graph once, with its place in the caller's list.
    roots: Vec<(u32, u32)>,
    /// By token: its place in the caller's list.
    ranks: Vec<u32>,
    rows: Vec<Row>,
    bases: Vec<u32>,
    blank: u32,
    cycles_max: usize,
    visits_left: usize,
    truncated: Option<CyclesTruncated>,
}

/// The walk from a base token to where the enumeration is.
struct Trail {
    rank: u32,
    base: u32,
    row: Row,
    tokens: [u32; CYCLE_HOPS_MAX],
    len: usize,
    hops: usize,
}

impl<'a> Enumeration<'a> {
    fn new(graph: &'a TokenGraph, bases: &[Address], cycles_max: usize) -> Self {
        let mut ranks = vec![NO_RANK; graph.tokens().len()];
        let mut roots = Vec::new();
        for (rank, base) in (0..).zip(bases) {
            if let Some(token) = graph.token(*base)
                && ranks[token as usize] == NO_RANK
            {
                ranks[token as usize] = rank;
                roots.push((rank, token));
            }
        }
        Self {
            graph,
            roots,
            ranks,
            rows: Vec::new(),
            bases: Vec::new(),
            blank: (graph.slots() as u32) << 1,
            cycles_max: cycles_max.min(u32::MAX as usize),
            visits_left: cycles_max.saturating_mul(VISITS_PER_CYCLE),
            truncated: None,
        }
    }

    fn run(&mut self, hops: usize) {
        for (rank, base) in self.roots.clone() {
            let row = [self.blank; CYCLE_HOPS_MAX];
            let mut trail = Trail { rank, base, row, tokens: [base; CYCLE_HOPS_MAX], len: 0, hops };
            if self.truncated.is_none() {
                self.extend(&mut trail, base);
            }
        }
    }

    fn extend(&mut self, trail: &mut Trail, at: u32) {
        let graph = self.graph;
        if trail.len + 1 == trail.hops {
            for edge in graph.edges_between(at, trail.base) {
                if !self.close(trail, edge) {
                    return;
                }
            }
            return;
        }
        for edge in graph.edges_from(at) {
            if !self.visit(trail) {
                return;
            }
            // Through a base token of lower rank the cycle has been found already.
            let is_open = self.ranks[edge.to as usize] > trail.rank;
            if !is_open || trail.tokens[..=trail.len].contains(&edge.to) {
                continue;
            }
            trail.row[trail.len] = code(edge.pool, edge.direction);
            trail.len += 1;
            trail.tokens[trail.len] = edge.to;
            self.extend(trail, edge.to);
            trail.len -= 1;
            if self.truncated.is_some() {
                return;
            }
        }
    }

    /// Of a cycle and its reverse, the one that begins with the lower pool is kept. That the first pool is not the last
    /// is all that "each pool once" asks beyond distinct tokens.
    fn close(&mut self, trail: &Trail, edge: &Edge) -> bool {
        if !self.visit(trail) {
            return false;
        }
        if edge.pool <= hop(trail.row[0]).pool {
            return true;
        }
        if self.rows.len() == self.cycles_max {
            self.truncate(trail, TruncationCause::Cycles);
            return false;
        }
        let mut row = trail.row;
        row[trail.len] = code(edge.pool, edge.direction);
        row[trail.len + 1..].fill(self.blank);
        self.rows.push(row);
        self.bases.push(trail.rank);
        true
    }

    fn visit(&mut self, trail: &Trail) -> bool {
        if self.visits_left == 0 {
            self.truncate(trail, TruncationCause::Visits);
            return false;
        }
        self.visits_left -= 1;
        true
    }

    fn truncate(&mut self, trail: &Trail, cause: TruncationCause) {
        let base = self.graph.tokens()[trail.base as usize];
        let kept = self.rows.len();
        self.truncated = Some(CyclesTruncated { kept, hops: trail.hops, base, cause });
    }
}
