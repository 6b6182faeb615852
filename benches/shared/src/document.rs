//! Tables in the documentation. Each stands between `<!-- table: NAME -->` and `<!-- end -->`.

use std::path::Path;
use std::{fs, io};

/// Replaces the table of this name.
pub fn replace(file: &Path, name: &str, table: &str) -> io::Result<()> {
    let begin = format!("<!-- table: {name} -->");
    let text = fs::read_to_string(file)?;
    let rewritten = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once("<!-- end -->")?;
        Some(format!("{before}{begin}\n\n{table}\n<!-- end -->{after}"))
    });
    let missing = || io::Error::other(format!("{}: there is no {begin}", file.display()));
    fs::write(file, rewritten.ok_or_else(missing)?)
}
