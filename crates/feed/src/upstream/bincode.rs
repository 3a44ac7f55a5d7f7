//! bincode 1.3 with default options, as far as upstream uses it: fixed-width little-endian integers, `u32`
//! discriminants, `u64` lengths, one byte for flags and for the tags of optional values.

use super::UpstreamError;
use alloy_primitives::{Address, B256, I256, U256};

/// What is left of a payload.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn finish(self) -> Result<(), UpstreamError> {
        match self.rest.len() {
            0 => Ok(()),
            excess => Err(UpstreamError::Long { excess }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], UpstreamError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(UpstreamError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    fn flag(&mut self) -> Result<bool, UpstreamError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [value] => Err(UpstreamError::Flag { value }),
        }
    }

    /// A length that the rest of the payload has room for, since every element takes a byte or more.
    fn length(&mut self) -> Result<usize, UpstreamError> {
        let length = usize::try_from(u64::take(self)?).map_err(|_| UpstreamError::Short)?;
        if length <= self.rest.len() { Ok(length) } else { Err(UpstreamError::Short) }
    }

    /// Bytes whose length is fixed and written all the same.
    fn prefixed<const N: usize>(&mut self) -> Result<[u8; N], UpstreamError> {
        let (expected, found) = (N as u64, u64::take(self)?);
        if found == expected {
            self.array()
        } else {
            Err(UpstreamError::Length { expected, found })
        }
    }
}

/// A value with one place in the layout.
pub(super) trait Bincode: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError>;
}

macro_rules! integers {
    ($($integer:ty)*) => { $(
        impl Bincode for $integer {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
                input.array().map(Self::from_le_bytes)
            }
        }
    )* };
}

integers!(u8 u32 i32 u64 u128 i128);

impl Bincode for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        input.flag()
    }
}

impl Bincode for U256 {
    fn put(&self, out: &mut Vec<u8>) {
        32u64.put(out);
        out.extend_from_slice(&self.to_be_bytes::<32>());
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        input.prefixed().map(Self::from_be_bytes::<32>)
    }
}

impl Bincode for I256 {
    fn put(&self, out: &mut Vec<u8>) {
        self.into_raw().put(out);
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        U256::take(input).map(Self::from_raw)
    }
}

impl Bincode for Address {
    fn put(&self, out: &mut Vec<u8>) {
        20u64.put(out);
        out.extend_from_slice(self.as_slice());
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        input.prefixed().map(Self::new)
    }
}

/// A pool id is an array, which has no length in front.
impl Bincode for B256 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_slice());
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        input.array().map(Self::new)
    }
}

impl Bincode for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        let length = input.length()?;
        let (text, rest) = input.rest.split_at(length);
        input.rest = rest;
        Self::from_utf8(text.to_vec()).map_err(|_| UpstreamError::Text)
    }
}

impl<T: Bincode> Bincode for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|element| element.put(out));
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        let length = input.length()?;
        (0..length).map(|_| T::take(input)).collect()
    }
}

impl<T: Bincode> Bincode for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        if input.flag()? { T::take(input).map(Some) } else { Ok(None) }
    }
}

impl<const N: usize> Bincode for [u128; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|element| element.put(out));
    }

    fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
        let mut elements = [0; N];
        for element in &mut elements {
            *element = u128::take(input)?;
        }
        Ok(elements)
    }
}

/// Fields in the order given.
macro_rules! bincode_struct {
    ($name:ident { $($field:ident),* }) => {
        impl Bincode for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $( self.$field.put(out); )*
            }

            fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
                Ok(Self { $( $field: Bincode::take(input)? ),* })
            }
        }
    };
}

/// The discriminant, then the variant's fields in the order given.
macro_rules! bincode_enum {
    ($name:ident { $($tag:literal => $variant:ident { $($field:ident),* }),* $(,)? }) => {
        impl Bincode for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self { $(
                    Self::$variant { $($field),* } => {
                        let tag: u32 = $tag;
                        tag.put(out);
                        $( $field.put(out); )*
                    }
                )* }
            }

            fn take(input: &mut Input<'_>) -> Result<Self, UpstreamError> {
                match u32::take(input)? {
                    $( $tag => Ok(Self::$variant { $( $field: Bincode::take(input)? ),* }), )*
                    variant => Err(UpstreamError::UnknownVariant { name: stringify!($name), variant }),
                }
            }
        }
    };
}

pub(super) use {bincode_enum, bincode_struct};
