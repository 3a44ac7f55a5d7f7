//! Frames in, reassembled channels out.

use crate::{ChannelId, Frame, limits};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What a kept frame costs besides its data, in bytes.
const FRAME_BOOKKEEPING_BYTES: usize = 64;

/// What became of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is kept; frames of its channel are still missing.
    Kept,
    /// It said nothing new: it is a repetition, it contradicts a frame that came first, or it lies behind the last one.
    Ignored,
    /// It was the last one missing: these are the channel's bytes.
    Complete(Vec<u8>),
}

#[derive(Debug, Default)]
struct OpenChannel {
    frames: BTreeMap<u16, Vec<u8>>,
    last: Option<u16>,
    cost_bytes: usize,
}

impl OpenChannel {
    fn is_complete(&self) -> bool {
        self.last.is_some_and(|last| self.frames.len() == usize::from(last) + 1)
    }

    fn push(&mut self, number: u16, data: Vec<u8>, is_last: bool) -> bool {
        let is_behind_last = self.last.is_some_and(|last| number > last || is_last);
        if is_behind_last || self.frames.contains_key(&number) {
            return false;
        }
        self.cost_bytes += data.len() + FRAME_BOOKKEEPING_BYTES;
        self.frames.insert(number, data);
        if is_last {
            self.last = Some(number);
            for data in self.frames.split_off(&number.saturating_add(1)).into_values() {
                self.cost_bytes -= data.len() + FRAME_BOOKKEEPING_BYTES;
            }
        }
        true
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.frames.values().map(Vec::len).sum());
        for data in self.frames.values() {
            bytes.extend_from_slice(data);
        }
        bytes
    }
}

/// Frames of channels that are not complete, in bounded memory.
///
/// Frames come in any order, repeated, of several channels at once. When a limit is reached the channel that was opened first is
/// dropped; the rule depends on the frames alone, so every reader of the same L1 blocks drops the same channels.
#[derive(Debug, Default)]
pub struct FrameQueue {
    channels: HashMap<ChannelId, OpenChannel>,
    opened: VecDeque<ChannelId>,
    cost_bytes: usize,
}

impl FrameQueue {
    /// Takes one frame.
    pub fn push(&mut self, frame: Frame) -> Pushed {
        let Frame { channel: id, number, data, is_last } = frame;
        if number == u16::MAX && !is_last {
            // Nothing can follow the highest number, so the channel could never be complete.
            return Pushed::Ignored;
        }
        let channel = self.channels.entry(id).or_insert_with(|| {
            self.opened.push_back(id);
            OpenChannel::default()
        });
        let before = channel.cost_bytes;
        if !channel.push(number, data, is_last) {
            return Pushed::Ignored;
        }
        self.cost_bytes = self.cost_bytes - before + channel.cost_bytes;
        let is_complete = channel.is_complete();
        let is_too_large = channel.cost_bytes > limits::CHANNEL_BYTES_MAX * 2;
        if is_complete && let Some(channel) = self.remove(id) {
            return Pushed::Complete(channel.bytes());
        }
        if is_too_large {
            self.remove(id);
            return Pushed::Ignored;
        }
        self.drop_oldest();
        Pushed::Kept
    }

    /// Channels of which frames are kept.
    pub fn open_channels(&self) -> usize {
        self.channels.len()
    }

    /// What the kept frames cost, in bytes.
    pub const fn cost_bytes(&self) -> usize {
        self.cost_bytes
    }

    fn remove(&mut self, id: ChannelId) -> Option<OpenChannel> {
        self.opened.retain(|open| *open != id);
        let channel = self.channels.remove(&id)?;
        self.cost_bytes -= channel.cost_bytes;
        Some(channel)
    }

    fn drop_oldest(&mut self) {
        while self.channels.len() > limits::OPEN_CHANNELS_MAX
            || self.cost_bytes > limits::OPEN_CHANNELS_BYTES_MAX
        {
            let Some(oldest) = self.opened.front().copied() else { return };
            self.remove(oldest);
        }
    }
}
