//! How much to trade along a path of curves: closed forms from breakpoint to breakpoint.
//!
//! Inside one range a hop gives `p x / (1 + n x)`, a Möbius function, and so does a path of such hops. Where a hop's range
//! ends, another piece begins. The whole is concave, so the pieces are walked in order until the marginal rate has fallen
//! to the one wanted, which may be inside a piece or at the kink between two.

use weir_amm::Direction;
use weir_arena::{CurveRange, CurveRanges, Pool};

/// A hop at some place on its curve.
#[derive(Debug, Clone)]
pub(crate) struct CurveHop<'a> {
    pool: &'a Pool,
    direction: Direction,
    /// What is left of the range in which the hop is.
    range: CurveRange,
    /// The ranges beyond it; not looked up before the first is used up.
    beyond: Option<CurveRanges<'a>>,
}

/// A point of a path's curve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sizing {
    pub(crate) amount_in: f64,
    pub(crate) amount_out: f64,
    /// Pieces that were walked, the last included.
    pub(crate) pieces: u32,
}

/// `rate x / (1 + bend x)`: a path as long as no hop leaves its range.
#[derive(Debug, Clone, Copy)]
struct Piece {
    rate: f64,
    bend: f64,
    /// The input at which the first range ends, and whose.
    end: f64,
    ending: Option<usize>,
}

impl<'a> CurveHop<'a> {
    /// At the start of the pool's first range, which the caller has.
    pub(crate) const fn new(pool: &'a Pool, direction: Direction, range: CurveRange) -> Self {
        Self { pool, direction, range, beyond: None }
    }

    /// At the start of the pool's curve; `None` if it gives nothing.
    pub(crate) fn start(pool: &'a Pool, direction: Direction) -> Option<Self> {
        let mut ranges = pool.curve(direction)?.ranges();
        let range = ranges.next()?;
        Some(Self { pool, direction, range, beyond: Some(ranges) })
    }

    /// Output for one unit of input where the hop is, after fee.
    pub(crate) fn price(&self) -> f64 {
        self.range.price()
    }

    /// Enters the next range; `false` if there is none.
    fn enter_next(&mut self) -> bool {
        if self.beyond.is_none() {
            self.beyond = self.pool.curve(self.direction).map(|curve| {
                let mut ranges = curve.ranges();
                ranges.next();
                ranges
            });
        }
        match self.beyond.as_mut().and_then(Iterator::next) {
            Some(range) => {
                self.range = range;
                true
            }
            None => false,
        }
    }
}

/// The largest input at whose end the path's marginal rate is still `rate`: what maximises `out - rate * in`.
///
/// For a cycle the rate is one. The hops are left where the walk ended.
pub(crate) fn size_to_rate(hops: &mut [CurveHop<'_>], rate: f64) -> Sizing {
    let mut sizing = Sizing::default();
    // Each round but the last uses up a range, of which there are finitely many.
    loop {
        sizing.pieces += 1;
        let piece = Piece::of(hops);
        let ratio = piece.rate / rate;
        // Not a number is no reason to trade.
        if ratio.is_nan() || ratio <= 1.0 {
            return sizing;
        }
        let step = (ratio.sqrt() - 1.0) / piece.bend;
        if step <= piece.end {
            sizing.amount_in += step;
            sizing.amount_out += piece.out(step);
            return sizing;
        }
        sizing.amount_in += piece.end;
        let (out, is_more) = advance(hops, piece.end, piece.ending);
        sizing.amount_out += out;
        if !is_more {
            return sizing;
        }
    }
}

impl Piece {
    fn of(hops: &[CurveHop<'_>]) -> Self {
        let mut piece = Self { rate: 1.0, bend: 0.0, end: f64::INFINITY, ending: None };
        for (index, CurveHop { range, .. }) in hops.iter().enumerate() {
            // The path input that brings this hop its capacity: the inverse of the hops before it.
            let room = piece.rate - piece.bend * range.capacity_in;
            let end = range.capacity_in / room;
            if room > 0.0 && end < piece.end {
                (piece.end, piece.ending) = (end, Some(index));
            }
            piece.bend += range.keep / range.reserve_in * piece.rate;
            piece.rate *= range.price();
        }
        piece
    }

    fn out(&self, amount_in: f64) -> f64 {
        self.rate * amount_in / (1.0 + self.bend * amount_in)
    }
}

/// Puts an input through all hops; the one whose range it ends enters its next. Gives the output and whether there was
/// a next range.
fn advance(hops: &mut [CurveHop<'_>], amount_in: f64, ending: Option<usize>) -> (f64, bool) {
    let mut amount = amount_in;
    let mut is_more = ending.is_some();
    for (index, hop) in hops.iter_mut().enumerate() {
        if ending == Some(index) {
            amount = hop.range.capacity_out;
            is_more = hop.enter_next();
        } else {
            let out = hop.range.out(amount);
            hop.range = hop.range.after(amount);
            amount = out;
        }
    }
    (amount, is_more)
}
