//! The log on a disk that fails: torn writes, lost syncs, no room, and power that goes at any point.

use super::{
    Layer, Log,
    file::LogFile,
    log::{MAGIC, records},
};
use crate::{
    fault::{Fault, fault},
    kv::Table,
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

/// A file in memory, of which only a part has reached the disk.
#[derive(Debug, Clone)]
struct Platter {
    written: Vec<u8>,
    /// Contents as of the last sync.
    durable: Vec<u8>,
}

impl Platter {
    /// What power leaves that goes when `reached` bytes of the file are those last written.
    fn after_power_loss(&self, reached: prop::sample::Index) -> Vec<u8> {
        let reached = reached.index(self.written.len() + 1);
        let mut left = self.written[..reached].to_vec();
        left.extend_from_slice(self.durable.get(reached..).unwrap_or_default());
        left
    }
}

#[derive(Debug, Clone)]
struct FaultyFile {
    platter: Arc<Mutex<Platter>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl FaultyFile {
    fn new(contents: Vec<u8>, faults: Arc<Mutex<VecDeque<Fault>>>) -> Self {
        let platter = Platter { written: contents.clone(), durable: contents };
        Self { platter: Arc::new(Mutex::new(platter)), faults }
    }

    fn fault(&self) -> Fault {
        self.faults.lock().expect("one thread").pop_front().unwrap_or(Fault::None)
    }

    fn platter(&self) -> Platter {
        self.platter.lock().expect("one thread").clone()
    }
}

impl LogFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (written, result) = match self.fault() {
            Fault::None => (bytes.len(), Ok(())),
            Fault::Full(part) => {
                let error = io::Error::from(io::ErrorKind::StorageFull);
                (bytes.len() * usize::from(part) / 256, Err(error))
            }
            Fault::Broken => (0, Err(io::Error::other("broken"))),
        };
        let file = &mut self.platter.lock().expect("one thread").written;
        let (start, end) = (offset as usize, offset as usize + written);
        file.resize(file.len().max(end), 0);
        file[start..end].copy_from_slice(&bytes[..written]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fault() != Fault::None {
            return Err(io::Error::other("lost sync"));
        }
        let mut platter = self.platter.lock().expect("one thread");
        platter.durable = platter.written.clone();
        Ok(())
    }
}

/// What is asked of the log.
#[derive(Debug, Clone)]
enum Ask {
    /// A record whose value has so many bytes.
    Append(u8),
    /// The tables are being brought up to what is acknowledged so far: the other file is begun.
    Turn,
    /// The tables are there.
    Flushed,
    /// Power goes, and comes back.
    Restart(prop::sample::Index, prop::sample::Index),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        // Mostly of one length, so that records of different turns stand at the same places.
        4 => Just(Ask::Append(8)),
        2 => any::<u8>().prop_map(Ask::Append),
        2 => Just(Ask::Turn),
        2 => Just(Ask::Flushed),
        1 => (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(first, second)| Ask::Restart(first, second)),
    ]
}

/// A log on a faulty disk, what it said, and the tables.
struct Rig {
    log: Log<FaultyFile>,
    files: [FaultyFile; 2],
    next: u32,
    /// What each acknowledged record says, by its number less one.
    acknowledged: Vec<u32>,
    /// Refused as the next record after those: it may be there or not.
    refused: Vec<u32>,
    /// Records that are in the tables.
    applied: u64,
    /// Records that are being written to them.
    flushing: Option<u64>,
}

impl Rig {
    fn new(faults: Vec<Fault>) -> Self {
        let faults = Arc::new(Mutex::new(VecDeque::from(faults)));
        let files = [(); 2].map(|()| FaultyFile::new(MAGIC.to_vec(), Arc::clone(&faults)));
        let log = Log::new(files.clone(), Default::default(), 0);
        let (acknowledged, refused) = Default::default();
        Self { log, files, next: 0, acknowledged, refused, applied: 0, flushing: None }
    }

    fn ask(&mut self, ask: &Ask) {
        match ask {
            Ask::Append(bytes) => self.append(*bytes),
            Ask::Turn if self.flushing.is_none() => {
                self.log.turn();
                self.flushing = Some(self.acknowledged.len() as u64);
            }
            Ask::Turn => {}
            Ask::Flushed => self.applied = self.flushing.take().unwrap_or(self.applied),
            Ask::Restart(first, second) => self.restart(*first, *second),
        }
    }

    fn append(&mut self, bytes: u8) {
        let number = self.next;
        self.next += 1;
        let mut layer = Layer::default();
        let value = vec![7; usize::from(bytes)];
        layer.put(Table::Records, &number.to_be_bytes(), Some(&value)).expect("it is small");
        match self.log.append(layer) {
            Ok(layer) => {
                self.acknowledged.push(number);
                self.refused.clear();
                assert_eq!(layer.sequence(), self.acknowledged.len() as u64);
            }
            Err(_) => self.refused.push(number),
        }
    }

    /// The records found in these files, which must be what was acknowledged, and perhaps one that was refused.
    fn found(&self, files: &[Vec<u8>; 2]) -> Vec<u32> {
        let layers = records(files, self.applied).expect("no record is missing");
        let says = |layer: &Layer| {
            let first = super::Merged::new([layer].into_iter(), Table::Records, &[]).next();
            let (key, _) = first.expect("every record has an entry");
            u32::from_be_bytes(*key.first_chunk().expect("a key has four bytes"))
        };
        let found: Vec<u32> = layers.iter().map(says).collect();
        let sure = &self.acknowledged[self.applied as usize..];
        assert!(found.starts_with(sure), "sure={sure:?} found={found:?}");
        match found[sure.len()..] {
            [] => {}
            [extra] => assert!(self.refused.contains(&extra), "extra={extra}"),
            ref extra => panic!("more than one record that was not acknowledged: {extra:?}"),
        }
        found
    }

    fn after_power_loss(
        &self,
        first: prop::sample::Index,
        second: prop::sample::Index,
    ) -> [Vec<u8>; 2] {
        let [one, other] = &self.files;
        [one.platter().after_power_loss(first), other.platter().after_power_loss(second)]
    }

    fn restart(&mut self, first: prop::sample::Index, second: prop::sample::Index) {
        let left = self.after_power_loss(first, second);
        let found = self.found(&left);
        self.acknowledged.truncate(self.applied as usize);
        self.acknowledged.extend(found);
        self.refused.clear();
        // Opening brings the tables up to the log.
        self.applied = self.acknowledged.len() as u64;
        self.flushing = None;
        let faults = Arc::clone(&self.files[0].faults);
        self.files = left.map(|contents| FaultyFile::new(contents, Arc::clone(&faults)));
        self.log = Log::new(self.files.clone(), Default::default(), self.applied);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Power goes after any step, and of what was written since the last sync any beginning may be there.
    #[test]
    fn what_is_acknowledged_outlives_any_fault(
        faults in vec(fault(), 0..60),
        asks in vec(ask(), 1..40),
        first: prop::sample::Index,
        second: prop::sample::Index,
    ) {
        let mut rig = Rig::new(faults);
        for ask in &asks {
            rig.ask(ask);
            rig.found(&rig.after_power_loss(first, second));
            rig.found(&[0, 1].map(|file| rig.files[file].platter().durable));
            rig.found(&[0, 1].map(|file| rig.files[file].platter().written));
        }
    }
}

#[test]
fn a_full_disk_refuses_and_takes_records_again_when_it_has_room() {
    let mut rig = Rig::new(vec![Fault::Full(200)]);
    rig.append(8);
    assert_eq!((rig.acknowledged.len(), rig.refused.len()), (0, 1));
    rig.append(8);
    assert_eq!(rig.acknowledged, [1]);
    assert_eq!(rig.found(&[0, 1].map(|file| rig.files[file].platter().durable)), [1]);
}

#[test]
fn a_lost_sync_ends_the_log() {
    let mut rig = Rig::new(vec![Fault::None, Fault::Broken]);
    rig.append(8);
    rig.append(8);
    assert_eq!((rig.acknowledged.len(), rig.refused.len()), (0, 2));
}

#[test]
fn a_record_that_is_missing_is_an_error() {
    let mut rig = Rig::new(Vec::new());
    rig.append(8);
    rig.ask(&Ask::Turn);
    rig.append(8);
    let [one, other] = [0, 1].map(|file| rig.files[file].platter().durable);
    assert_eq!(records(&[one.clone(), other.clone()], 0).expect("both are there").len(), 2);
    assert!(records(&[MAGIC.to_vec(), other], 0).is_err());
    assert!(records(&[b"WEIRRED2".to_vec(), one], 0).is_err());
}
