//! Files that appear whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files that have been written under another name, and are not there yet.
///
/// Dropped, it takes them away again.
pub(crate) struct Staged {
    dir: PathBuf,
    /// A directory in `dir`, so that renaming does not leave the file system.
    staging: PathBuf,
    names: Vec<String>,
}

impl Staged {
    /// Begins to write files for a directory, which is made if it is not there.
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let staging = dir.join(format!(".hybi-conform-{}", std::process::id()));
        // One of an earlier process with our number.
        let _ = fs::remove_dir_all(&staging);
        fs::create_dir(&staging)?;
        Ok(Self { dir: dir.to_owned(), staging, names: Vec::new() })
    }

    /// Writes a file, in a subdirectory if its name has one.
    pub(crate) fn write(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.staging.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Makes the files appear, in the order in which they were written.
    pub(crate) fn publish(self) -> io::Result<()> {
        for name in &self.names {
            let path = self.dir.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(self.staging.join(name), path)?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.staging);
    }
}

/// Checks that a file can be written there, and leaves nothing.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let temporary = temporary(path)?;
    fs::write(&temporary, b"")?;
    fs::remove_file(&temporary)
}

/// Returns the name under which a file is written first.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().filter(|_| !path.is_dir());
    let Some(name) = name else {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    };
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}", std::process::id()));
    Ok(path.with_file_name(temporary))
}

/// Writes one file.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary(path)?;
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
