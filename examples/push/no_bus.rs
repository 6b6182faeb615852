//! In place of the bus, where the program is built without it.

use std::sync::Arc;
use std::time::Duration;

use crate::Connections;

const WITHOUT: &str = "--bus: this program was built without it: cargo run -p hybi-bus --bin push";

pub(crate) fn open(_: &str) -> Result<Arc<dyn Connections>, String> {
    Err(WITHOUT.into())
}

pub(crate) fn join(_: &str, _: Duration) -> Result<Arc<dyn Connections>, String> {
    Err(WITHOUT.into())
}
