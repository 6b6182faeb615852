//! The chats: one endpoint for each system that has one, allocated when somebody first asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::hooks::Log;
use crate::pool::{Pool, PoolError};

/// The endpoint of each system's chat, once it has been asked for.
pub(crate) struct Chats(Mutex<BTreeMap<String, Option<String>>>);

impl Chats {
    /// Only these systems have a chat, so that a stranger cannot empty the pool with others.
    pub(crate) fn new(systems: Vec<String>) -> Self {
        Self(Mutex::new(systems.into_iter().map(|system| (system, None)).collect()))
    }

    /// Returns the endpoint of a system's chat, which is allocated the first time, and anew if it
    /// has been released. `None`: there is no such system.
    pub(crate) fn endpoint(&self, system: &str, pool: &Pool) -> Option<Result<String, PoolError>> {
        let mut chats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let chat = chats.get_mut(system)?;
        if let Some(name) = chat.as_ref().filter(|name| pool.is_allocated(name)) {
            return Some(Ok(name.clone()));
        }
        let allocated = pool.allocate(Arc::new(Log));
        *chat = allocated.as_ref().ok().cloned();
        Some(allocated)
    }
}
