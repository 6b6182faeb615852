//! The command line.

use std::env;
use std::error::Error;
use std::path::PathBuf;

pub const USAGE: &str = "\
    cargo run --release -- [--quick] [--rounds N] [--out DIR] [--docs] [FILTER]...\n\
    A filter selects the workloads whose name contains it; \
    @NAME selects servers whose name contains it.\n\
    Without either, the results go to results/, and with --docs to the tables of docs/, too.";

pub struct Options {
    pub rounds: usize,
    pub quick: bool,
    /// Where the results go; `None`: nowhere.
    pub out: Option<PathBuf>,
    pub documents: bool,
    pub workloads: Vec<String>,
    pub servers: Vec<String>,
}

impl Options {
    /// Reads the command line. Results of everything go to `results`.
    pub fn read(results: &str) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            rounds: 0,
            quick: false,
            out: None,
            documents: false,
            workloads: Vec::new(),
            servers: Vec::new(),
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--rounds" => options.rounds = args.next().ok_or(USAGE)?.parse()?,
                "--out" => options.out = Some(args.next().ok_or(USAGE)?.into()),
                "--docs" => options.documents = true,
                flag if flag.starts_with('-') => return Err(USAGE.into()),
                filter => match filter.strip_prefix('@') {
                    Some(name) => options.servers.push(name.into()),
                    None => options.workloads.push(filter.into()),
                },
            }
        }
        let all = options.workloads.is_empty() && options.servers.is_empty() && !options.quick;
        if options.documents && !all {
            return Err(USAGE.into());
        }
        if all {
            options.out.get_or_insert(results.into());
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 1 } else { 5 };
        }
        Ok(options)
    }

    pub fn selects_workload(&self, name: &str) -> bool {
        selects(&self.workloads, name)
    }

    pub fn selects_server(&self, name: &str) -> bool {
        selects(&self.servers, name)
    }
}

fn selects(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}
