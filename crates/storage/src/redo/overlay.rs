//! Tables with layers over them.

use super::{
    filter::KeyHash,
    layer::{Layer, Merged, Written},
};
use crate::{
    StorageError,
    kv::{Entry, EntryVisitor, Table, TableRead, TableWrite},
};
use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

/// What tables show once the layers are written to them.
pub(crate) struct Overlay<B> {
    base: B,
    /// Oldest first.
    layers: Arc<[Arc<Layer>]>,
    /// How many of the oldest the base has already.
    held: usize,
}

impl<B: TableRead> Overlay<B> {
    /// The layers behind number `applied`, which is the last that `base` has.
    pub(crate) fn new(base: B, layers: Arc<[Arc<Layer>]>, applied: u64) -> Self {
        let held = layers.partition_point(|layer| layer.sequence() <= applied);
        Self { base, layers, held }
    }

    /// Newest first, `top` before all.
    fn layers<'a>(&'a self, top: Option<&'a Layer>) -> impl Iterator<Item = &'a Layer> {
        top.into_iter().chain(self.layers[self.held..].iter().rev().map(AsRef::as_ref))
    }

    fn get_below<'a>(
        &'a self,
        top: Option<&'a Layer>,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Cow<'a, [u8]>>, StorageError> {
        let hash = KeyHash::of(table, key);
        match self.layers(top).find_map(|layer| layer.get(table, key, hash)) {
            Some(value) => Ok(value.map(Cow::Borrowed)),
            None => self.base.get(table, key),
        }
    }

    fn scan_below(
        &self,
        top: Option<&Layer>,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        let written = Merged::new(self.layers(top), table, prefix);
        let written = written.take_while(|(key, _)| key.starts_with(prefix));
        interleave(written, &mut |visit| self.base.scan(table, prefix, visit), visit)
    }

    fn walk_below(
        &self,
        top: Option<&Layer>,
        table: Table,
        from: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        let written = Merged::new(self.layers(top), table, from);
        interleave(written, &mut |visit| self.base.walk(table, from, visit), visit)
    }

    fn first_below(
        &self,
        top: Option<&Layer>,
        table: Table,
        from: &[u8],
    ) -> Result<Option<Entry>, StorageError> {
        let mut base = self.base.first_from(table, from)?;
        for (key, value) in Merged::new(self.layers(top), table, from) {
            if base.as_ref().is_some_and(|(base_key, _)| base_key.as_slice() < key) {
                break;
            }
            if let Some(value) = value {
                return Ok(Some((key.to_vec(), value.to_vec())));
            }
            if let Some((mut deleted, _)) = base.take_if(|(base_key, _)| base_key == key) {
                // The least key behind the deleted one.
                deleted.push(0);
                base = self.base.first_from(table, &deleted)?;
            }
        }
        Ok(base)
    }
}

/// Visits what is written and what `walk` finds below it, by key; of a key that both have, what is written.
fn interleave<'a>(
    written: impl Iterator<Item = Written<'a>>,
    walk: &mut dyn FnMut(&mut EntryVisitor<'_>) -> Result<(), StorageError>,
    visit: &mut EntryVisitor<'_>,
) -> Result<(), StorageError> {
    let mut written = written.peekable();
    let mut is_ended = false;
    walk(&mut |key, value| {
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && let Some((above, value)) = written.next_if(|(above, _)| *above < key)
        {
            flow = value.map_or(Ok(flow), |value| visit(above, value))?;
        }
        if flow.is_continue() {
            let value = match written.next_if(|(above, _)| *above == key) {
                Some((_, value)) => value,
                None => Some(value),
            };
            flow = value.map_or(Ok(flow), |value| visit(key, value))?;
        }
        is_ended = flow.is_break();
        Ok(flow)
    })?;
    for (key, value) in written {
        if is_ended {
            break;
        }
        if let Some(value) = value {
            is_ended = visit(key, value)?.is_break();
        }
    }
    Ok(())
}

impl<B: TableRead> TableRead for Overlay<B> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        self.get_below(None, table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        self.scan_below(None, table, prefix, visit)
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        self.first_below(None, table, from)
    }

    fn walk(
        &self,
        table: Table,
        from: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        self.walk_below(None, table, from, visit)
    }
}

/// Tables with a layer that is being written and that nobody else sees.
pub(crate) struct Staged<B> {
    below: Overlay<B>,
    layer: Layer,
}

impl<B: TableRead> Staged<B> {
    /// `bytes` are expected to be written.
    pub(crate) fn new(below: Overlay<B>, bytes: usize) -> Self {
        Self { below, layer: Layer::with_capacity(bytes) }
    }

    /// What was written.
    pub(crate) fn into_layer(self) -> Layer {
        self.layer
    }
}

impl<B: TableRead> TableRead for Staged<B> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        self.below.get_below(Some(&self.layer), table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        self.below.scan_below(Some(&self.layer), table, prefix, visit)
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        self.below.first_below(Some(&self.layer), table, from)
    }

    fn walk(
        &self,
        table: Table,
        from: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        self.below.walk_below(Some(&self.layer), table, from, visit)
    }
}

impl<B: TableRead> TableWrite for Staged<B> {
    fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError> {
        self.layer.put(table, key, value)
    }

    fn delete_prefix(&mut self, table: Table, prefix: &[u8]) -> Result<(), StorageError> {
        let mut keys = Vec::new();
        self.scan(table, prefix, &mut |key, _| {
            keys.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        keys.iter().try_for_each(|key| self.layer.put(table, key, None))
    }
}
