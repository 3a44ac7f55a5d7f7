//! How many connections there are, in all and of one address.

use alloy_primitives::map::HashMap;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

const CONNECTIONS: &str = "weir_rpc_connections";
const REFUSED: &str = "weir_rpc_connections_refused_total";
/// Bits of an IPv6 address that tell customers apart: one has all addresses of a /64.
const IPV6_PREFIX_BITS: u32 = 64;

/// The address a limit counts: IPv4 as it is, also in its IPv6 form, and an IPv6 address by its first half.
pub(crate) fn counted_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::MAX << (u128::BITS - IPV6_PREFIX_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & prefix))
        }
    }
}

/// Which limit refuses a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server is full.
    Total,
    /// The address has its share.
    Address,
}

impl Refusal {
    /// The whole answer: the request is not read.
    pub(super) const fn answer(self) -> &'static [u8] {
        match self {
            Self::Total => {
                b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            }
            Self::Address => {
                b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            }
        }
    }
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The open connections.
pub(super) struct Connections {
    open: Mutex<Open>,
    total_max: usize,
    address_max: usize,
    gauge: Gauge,
    refused_total: Counter,
    refused_address: Counter,
}

impl Connections {
    pub(super) fn new(total_max: usize, address_max: usize) -> Arc<Self> {
        describe_gauge!(CONNECTIONS, "Open JSON-RPC connections, HTTP and WebSocket");
        describe_counter!(REFUSED, "Connections refused, by the limit that was reached");
        Arc::new(Self {
            open: Mutex::default(),
            total_max,
            address_max,
            gauge: gauge!(CONNECTIONS),
            refused_total: counter!(REFUSED, "limit" => "total"),
            refused_address: counter!(REFUSED, "limit" => "address"),
        })
    }

    /// Takes a connection in, or says which limit it breaks.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Arc<Slot>, Refusal> {
        let address = counted_address(address);
        let mut open = self.open.lock();
        if open.total >= self.total_max {
            self.refused_total.increment(1);
            return Err(Refusal::Total);
        }
        let of_address = open.by_address.entry(address).or_default();
        if *of_address >= self.address_max {
            self.refused_address.increment(1);
            return Err(Refusal::Address);
        }
        *of_address += 1;
        open.total += 1;
        drop(open);
        self.gauge.increment(1);
        Ok(Arc::new(Slot { connections: Arc::clone(self), address }))
    }

    fn release(&self, address: &IpAddr) {
        let mut open = self.open.lock();
        open.total -= 1;
        if let Some(of_address) = open.by_address.get_mut(address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(address);
            }
        }
        drop(open);
        self.gauge.decrement(1);
    }
}

/// A connection's place under the limits; a WebSocket keeps it beyond its HTTP request.
pub(super) struct Slot {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Slot {
    /// The address the connection counts for.
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.release(&self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_given_back() {
        let connections = Connections::new(3, 2);
        let one = connections.admit(address("192.0.2.1")).unwrap_or_else(|_| panic!());
        let two = connections.admit(address("::ffff:192.0.2.1")).unwrap_or_else(|_| panic!());
        assert_eq!(connections.admit(address("192.0.2.1")).err(), Some(Refusal::Address));
        let three = connections.admit(address("192.0.2.2")).unwrap_or_else(|_| panic!());
        assert_eq!(connections.admit(address("192.0.2.3")).err(), Some(Refusal::Total));
        drop((one, three));
        let again = connections.admit(address("192.0.2.1"));
        assert!(again.is_ok());
        drop((again, two));
        let open = connections.open.lock();
        assert_eq!(open.total, 0);
        assert!(open.by_address.is_empty());
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let counted = |text| counted_address(address(text));
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::ffff:1"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
