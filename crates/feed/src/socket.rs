//! A Unix socket in a private folder, owned by one producer at a time.

use crate::ProducerError;
use std::{
    fs::{DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::UnixListener;

/// Mode of the socket's folder when it is created.
const FOLDER_MODE: u32 = 0o700;
/// Mode of the socket.
const SOCKET_MODE: u32 = 0o660;
/// Permission bits that let others put a socket of their own in the place of ours.
const FOREIGN_WRITE: u32 = 0o022;

/// A listening socket that removes itself.
#[derive(Debug)]
pub(crate) struct PrivateSocket {
    path: PathBuf,
    listener: UnixListener,
    /// Held as long as we serve: tells a living producer from a stale socket file.
    lock: File,
}

impl PrivateSocket {
    /// Creates the folder if needed, takes the lock, removes a stale socket and listens.
    pub(crate) fn bind(path: &Path) -> Result<Self, ProducerError> {
        let failed = |source| ProducerError::Io { path: path.to_owned(), source };
        require_private_folder(path)?;
        let lock = lock(path)?;
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), listener, lock })
    }

    pub(crate) const fn listener(&self) -> &UnixListener {
        &self.listener
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        // The next producer removes what is left behind, so a failure here loses nothing.
        let _ = std::fs::remove_file(&self.path);
        // A child that was forked meanwhile holds the file, too, until it runs its program: closing ours would not do.
        let _ = self.lock.unlock();
    }
}

fn require_private_folder(path: &Path) -> Result<(), ProducerError> {
    let failed = |source| ProducerError::Io { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.exists() {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
    }
    let mode = std::fs::metadata(folder).map_err(failed)?.mode() & 0o7777;
    if mode & FOREIGN_WRITE == 0 {
        Ok(())
    } else {
        Err(ProducerError::FolderNotPrivate { path: folder.to_owned(), mode })
    }
}

fn lock(path: &Path) -> Result<File, ProducerError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options().create(true).append(true).open(PathBuf::from(name));
    let file = file.map_err(|source| ProducerError::Io { path: path.to_owned(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ProducerError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => {
            Err(ProducerError::Io { path: path.to_owned(), source })
        }
    }
}

/// We hold the lock, so a socket that exists belongs to a producer that died.
fn remove_stale(path: &Path) -> Result<(), ProducerError> {
    let failed = |source| ProducerError::Io { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(failed),
        Ok(_) => Err(ProducerError::NotASocket { path: path.to_owned() }),
    }
}
