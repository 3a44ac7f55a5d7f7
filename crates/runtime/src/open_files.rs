//! How many files the process may have open: each connection, each feed consumer and each table takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// More is not asked for, even if the system would grant it: some libraries walk through every number up to the limit.
const OPEN_FILES_MAX: u64 = 1 << 20;

/// The limit of the process, before and after it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// Files that could be open at once; `None` without a limit.
    pub before: Option<u64>,
    /// Files that can be open at once now.
    pub now: Option<u64>,
}

/// Raises the soft limit of open files to the hard one, at most to 1,048,576.
///
/// # Errors
/// If the system refuses; the limit is then as it was.
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let Rlimit { current: before, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES_MAX, |hard| hard.min(OPEN_FILES_MAX));
    if before.is_none_or(|before| wanted <= before) {
        return Ok(OpenFiles { before, now: before });
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    Ok(OpenFiles { before, now: Some(wanted) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_the_hard_one_and_no_further() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let low = Rlimit { current: Some(64), maximum: hard };
        setrlimit(Resource::Nofile, low).unwrap();
        let raised = raise_open_files().unwrap();
        let expected = hard.map_or(OPEN_FILES_MAX, |hard| hard.min(OPEN_FILES_MAX));
        assert_eq!(raised, OpenFiles { before: Some(64), now: Some(expected) });
        assert_eq!(getrlimit(Resource::Nofile).current, Some(expected));
        let again = raise_open_files().unwrap();
        assert_eq!(again, OpenFiles { before: Some(expected), now: Some(expected) });
    }
}
