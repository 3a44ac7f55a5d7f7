//! The journal on a disk that fails: torn writes, lost syncs, no room, and power that goes at any point.

use super::{
    JournalRecord,
    disk::{Disk, ReplaceError},
    format,
    handle::Durability,
    writer::{Command, GROUP_BYTES_MAX, Writer},
};
use crate::{
    JournalError,
    fault::{Fault, fault},
};
use proptest::{collection::vec, prelude::*};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::sync_channel,
    },
};

/// A file in memory, of which only a part has reached the disk.
#[derive(Debug, Default)]
struct Platter {
    written: Vec<u8>,
    /// Contents as of the last sync.
    durable: Vec<u8>,
    faults: std::collections::VecDeque<Fault>,
}

#[derive(Debug, Clone, Default)]
struct FaultyDisk(Arc<Mutex<Platter>>);

fn no_room() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl FaultyDisk {
    fn with<R>(&self, act: impl FnOnce(&mut Platter, Fault) -> R) -> R {
        let mut platter = self.0.lock().expect("no test panics while it holds the disk");
        let fault = platter.faults.pop_front().unwrap_or(Fault::None);
        act(&mut platter, fault)
    }
}

impl Disk for FaultyDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|platter, fault| match fault {
            Fault::None => {
                platter.written.extend_from_slice(bytes);
                Ok(())
            }
            Fault::Full(part) => {
                let torn = bytes.len() * usize::from(part) / 256;
                platter.written.extend_from_slice(&bytes[..torn]);
                Err(no_room())
            }
            Fault::Broken => Err(io::Error::other("broken")),
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|platter, fault| {
            if fault == Fault::None {
                platter.durable = platter.written.clone();
                return Ok(());
            }
            Err(io::Error::other("lost sync"))
        })
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.with(|platter, fault| {
            if fault == Fault::Broken {
                return Err(io::Error::other("broken"));
            }
            platter.written.truncate(len as usize);
            Ok(())
        })
    }

    fn replace(&mut self, contents: &[u8]) -> Result<(), ReplaceError> {
        self.with(|platter, fault| match fault {
            Fault::None => {
                platter.written = contents.to_vec();
                platter.durable = contents.to_vec();
                Ok(())
            }
            Fault::Full(_) => Err(ReplaceError::Unchanged(no_room())),
            Fault::Broken => Err(ReplaceError::InDoubt(io::Error::other("broken"))),
        })
    }
}

/// What is asked of the journal.
#[derive(Debug, Clone)]
enum Ask {
    /// So many records in one go.
    Append(u8),
    /// Keep the records acknowledged so far.
    Rotate,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![5 => (1u8..5).prop_map(Ask::Append), 1 => Just(Ask::Rotate)]
}

/// A journal on a faulty disk, and what it said.
struct Rig {
    writer: Writer<FaultyDisk>,
    disk: FaultyDisk,
    unanswered: Arc<AtomicU64>,
    next: u32,
    acknowledged: Vec<u32>,
    /// Refused, so that it may be there or not.
    refused: Vec<u32>,
}

impl Rig {
    fn new(faults: Vec<Fault>) -> Self {
        let disk = FaultyDisk::default();
        {
            let mut platter = disk.0.lock().expect("the disk is new");
            platter.written = format::header().to_vec();
            platter.durable = platter.written.clone();
            platter.faults = faults.into();
        }
        let bytes = Arc::new(AtomicU64::new(format::HEADER_BYTES as u64));
        let path = PathBuf::from("journal.log");
        let poison = Arc::new(OnceLock::new());
        let unanswered = Arc::new(AtomicU64::new(0));
        let writer =
            Writer::new(disk.clone(), path, Durability::Always, bytes, unanswered.clone(), poison);
        let (acknowledged, refused) = (Vec::new(), Vec::new());
        Self { writer, disk, unanswered, next: 0, acknowledged, refused }
    }

    fn record(number: u32) -> JournalRecord {
        JournalRecord { kind: 1, payload: number.to_be_bytes().repeat(3) }
    }

    fn append(&mut self, count: u8) {
        self.append_long(count, 3);
    }

    /// Appends so many records, the first of which repeats its number so often.
    fn append_long(&mut self, count: u8, mut repeats: usize) {
        let (commands, queue) = sync_channel(8);
        let answers = Arc::new(Mutex::new(Vec::<(u32, Result<(), JournalError>)>::new()));
        for _ in 0..count {
            let (number, heard) = (self.next, Arc::clone(&answers));
            self.next += 1;
            let on_durable =
                Box::new(move |result| heard.lock().expect("one thread").push((number, result)));
            let payload = number.to_be_bytes().repeat(std::mem::replace(&mut repeats, 3));
            let command =
                Command::Append { record: JournalRecord { kind: 1, payload }, on_durable };
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            commands.send(command).expect("the queue has room");
        }
        let first = queue.recv().expect("a command was sent");
        self.writer.serve(first, &queue);
        for (number, result) in answers.lock().expect("one thread").drain(..) {
            let list = if result.is_ok() { &mut self.acknowledged } else { &mut self.refused };
            list.push(number);
        }
    }

    fn rotate(&mut self) {
        let (done, answer) = sync_channel(1);
        let keep = self.acknowledged.iter().copied().map(Self::record).collect();
        let (_, queue) = sync_channel(1);
        self.writer.serve(Command::Rotate { keep, done }, &queue);
        // Replaced or not, what was acknowledged is there.
        let _ = answer.recv().expect("a rotation is answered");
    }

    /// The records in the file.
    fn read(file: &[u8]) -> Vec<u32> {
        let (records, _) = format::parse(file, Path::new("journal.log")).expect("it is a journal");
        let number = |record: &JournalRecord| {
            u32::from_be_bytes(*record.payload.first_chunk().expect("a payload has 12 bytes"))
        };
        records.iter().map(number).collect()
    }

    fn check(&self, file: &[u8]) {
        let found = Self::read(file);
        assert!(found.is_sorted_by(|left, right| left < right), "in order, none twice: {found:?}");
        let is_refused = |number: &u32| self.refused.contains(number);
        let sure: Vec<u32> = found.iter().copied().filter(|number| !is_refused(number)).collect();
        assert_eq!(sure, self.acknowledged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Power goes at the end, and of what was written since the last sync any beginning may be there.
    #[test]
    fn what_is_acknowledged_outlives_any_fault(
        faults in vec(fault(), 0..40),
        asks in vec(ask(), 1..20),
        reached: prop::sample::Index,
    ) {
        let mut rig = Rig::new(faults);
        for ask in asks {
            match ask {
                Ask::Append(count) => rig.append(count),
                Ask::Rotate => rig.rotate(),
            }
            let platter = rig.disk.0.lock().expect("one thread");
            let (durable, written) = (platter.durable.clone(), platter.written.clone());
            drop(platter);
            rig.check(&durable);
            if written.starts_with(&durable) {
                let unsynced = written.len() - durable.len();
                let end = durable.len() + reached.index(unsynced + 1);
                rig.check(&written[..end]);
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_and_takes_records_again_when_it_has_room() {
    // The group is torn in its second record; then all is well.
    let mut rig = Rig::new(vec![Fault::Full(200)]);
    rig.append(2);
    assert_eq!((rig.acknowledged.len(), rig.refused.len()), (0, 2));
    rig.append(3);
    assert_eq!(rig.acknowledged, [2, 3, 4]);
    let platter = rig.disk.0.lock().expect("one thread");
    assert_eq!(Rig::read(&platter.durable), [2, 3, 4]);
}

#[test]
fn what_is_queued_behind_a_refused_record_is_refused_with_it() {
    let mut rig = Rig::new(vec![Fault::Full(200)]);
    // The first is a group of its own; the disk has room again for the others.
    rig.append_long(3, GROUP_BYTES_MAX / 4);
    assert_eq!((rig.acknowledged.len(), rig.refused.len()), (0, 3));
    assert_eq!(rig.unanswered.load(Ordering::Relaxed), 0);
    rig.append(1);
    assert_eq!(rig.acknowledged, [3]);
}

#[test]
fn a_lost_sync_ends_the_journal() {
    let mut rig = Rig::new(vec![Fault::None, Fault::Broken]);
    rig.append(1);
    rig.append(1);
    assert_eq!((rig.acknowledged.len(), rig.refused.len()), (0, 2));
}
