//! `hybi-conform list`.

use std::io::{self, Write};

use hybi_conform::Group;

use crate::arguments::ListOptions;
use crate::selection::select;

pub(crate) fn run(options: &ListOptions) -> Result<(), String> {
    let cases = select(&options.choice, options.role.map(Into::into), Group::ALL)?;
    let mut out = io::stdout().lock();
    let written = (|| {
        for case in &cases {
            let (id, level, section) = (case.id(), case.level(), case.section());
            writeln!(out, "{id:30} {level:6} {section:18} {}", case.title())?;
            if options.details {
                writeln!(out, "    sent:     {}", case.sent())?;
                writeln!(out, "    expected: {}", case.expected())?;
                if let Some(rule) = case.rule() {
                    writeln!(out, "    because:  {rule}")?;
                }
            }
        }
        out.flush()
    })();
    match written {
        // The reader, such as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| format!("the list cannot be written: {error}")),
    }
}
