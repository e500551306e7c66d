//! Small files: settings, and keys that these name. A pipe would be waited for, and a large file read for long.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// More than any settings, keys or certificates have.
const MAX_BYTES: u64 = 4 << 20;

/// # Errors
/// It is none, or cannot be read.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    check(file)?;
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// # Errors
/// As those of [`read`].
pub(crate) fn read_text(file: &Path) -> io::Result<String> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    String::from_utf8(read(file)?).map_err(|_| invalid("it is not UTF-8"))
}

/// Is it such a file?
///
/// # Errors
/// What it is instead.
pub(crate) fn check(file: &Path) -> io::Result<()> {
    let metadata = fs::metadata(file)?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match () {
        () if !metadata.is_file() => refuse("it is not a regular file"),
        () if metadata.len() > MAX_BYTES => refuse("it has more than 4 MiB"),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a = 1").unwrap();
        assert_eq!(read_text(&file).unwrap(), "a = 1");
        File::options().write(true).open(&file).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(read(&file).unwrap_err().to_string(), "it has more than 4 MiB");
        assert_eq!(read(folder.path()).unwrap_err().to_string(), "it is not a regular file");
    }
}
