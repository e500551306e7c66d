//! Puts a backup into a folder, as the log of the server that is started there next.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::backup::{PartialFile, mark};
use super::folder::Folder;
use super::read_only::{LogFileError, beside};
use super::store::Store;
use super::verify::{LogCheck, verify_file};

/// Restores `file` into `folder`, which has no log and is used by no server; makes it if need be. A damaged file is refused
/// unless `accept_damaged`. Gives what the restored log has. Blocks.
///
/// Events that were acknowledged after the backup was made are not in it. The next start stores that place as a loss:
/// every reader that passes it is told by a gap, whatever id it has.
///
/// # Errors
/// What is in the way, and what to do. Then the folder has no log.
pub fn restore_log(file: &Path, folder: &Path, accept_damaged: bool) -> Result<LogCheck, LogFileError> {
    if !file.is_file() {
        return Err(LogFileError(format!("there is no file {}", file.display())));
    }
    if beside(file, "-wal").exists() {
        let file = file.display();
        return Err(LogFileError(format!(
            "{file} is the log of a server that runs or was killed, not a backup: {file}-wal belongs to it; make a backup of \
             that folder first (`sse-server backup`)"
        )));
    }
    let shown = folder.display();
    let taken = Folder::take(folder)
        .map_err(|error| LogFileError(format!("the folder {shown} cannot be used: {error}")))?;
    let log = taken.log_file();
    if log.exists() {
        return Err(LogFileError(format!(
            "{shown} has a log already; move that away, or use another folder"
        )));
    }
    let check = verify_file(file)?;
    if !check.damages.is_empty() && !accept_damaged {
        let what: Vec<&str> = check.damages.iter().map(|damage| damage.what).collect();
        return Err(LogFileError(format!(
            "{file} is damaged ({}); `sse-server verify {file}` says where. Use another backup, or restore it all the same \
             with --damaged: readers get a gap where something is missing",
            what.join(", "),
            file = file.display()
        )));
    }
    let partial = PartialFile::create(&log)?;
    fs::copy(file, &partial.path).map_err(|error| LogFileError::io("copied", file, &error))?;
    mark_copy(&partial.path).map_err(|error| {
        LogFileError(format!("{} cannot be made the log of {shown}: {error}", file.display()))
    })?;
    // SQLite would take what an earlier log left for a part of this one.
    for left in ["-wal", "-shm"].map(|end| beside(&log, end)) {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LogFileError::io("removed", &left, &error));
            }
            _ => {}
        }
    }
    let unsynced = |error| LogFileError::io("written", folder, &error);
    taken.sync().map_err(unsynced)?;
    partial.finish(&log)?;
    taken.sync().map_err(unsynced)?;
    Ok(check)
}

fn mark_copy(file: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(file)?;
    // A copy of a log's file has another mode, in which there would be further files.
    connection.pragma_update(None, "journal_mode", "delete")?;
    mark(&mut Store(connection))
}
