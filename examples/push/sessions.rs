//! Sessions: whose values outlive a connection. A browser tells its session with a cookie.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cookie::{Cookie, SameSite};
use hybi::handshake::Request;

const COOKIE: &str = "push-session";
/// The name with TLS. Browsers take a cookie of such a name from nobody but this host, and by TLS.
/// Otherwise one that another host of our domain has set could come before ours.
const SECURE_COOKIE: &str = "__Host-push-session";
/// With one more, the session that has been unused for longest is forgotten.
const SESSIONS_MAX: usize = 10_000;

/// Nobody can guess one. It is shown only in its short form: whoever has seen all of it has the
/// session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(u128);

impl SessionId {
    fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }

    fn whole(self) -> String {
        format!("{:032x}", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}...", self.0 >> 104)
    }
}

pub(crate) struct WebSession {
    pub(crate) id: SessionId,
    values: Mutex<Values>,
    used: Mutex<Instant>,
}

/// The values that a service keeps in a session.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) name: Option<String>,
    /// How many connections there have been.
    pub(crate) connections: u64,
    /// How the newest of them has ended.
    pub(crate) last_end: Option<String>,
}

impl WebSession {
    /// Returns the values, locked: keep them for a moment only.
    pub(crate) fn values(&self) -> MutexGuard<'_, Values> {
        lock(&self.values)
    }
}

pub(crate) struct Sessions {
    /// For how long a session is kept that is not used.
    timeout: Duration,
    /// The name of the cookie.
    cookie: &'static str,
    sessions: Mutex<BTreeMap<SessionId, Arc<WebSession>>>,
}

impl Sessions {
    pub(crate) fn new(timeout: Duration, is_secure: bool) -> Self {
        let cookie = if is_secure { SECURE_COOKIE } else { COOKIE };
        Self { timeout, cookie, sessions: Mutex::default() }
    }

    /// Returns the session of a request. An id that we did not give, or do not know any more, is
    /// none: otherwise a stranger could choose the session of a user.
    pub(crate) fn find(&self, request: &Request<'_>) -> Option<Arc<WebSession>> {
        let cookies = request.fields().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let mut ids =
            cookies.filter_map(|(_, value)| str::from_utf8(value).ok()).flat_map(|text| {
                let cookies = Cookie::split_parse(text.to_owned()).filter_map(Result::ok);
                let ours = cookies.filter(|cookie| cookie.name() == self.cookie);
                ours.filter_map(|cookie| SessionId::parse(cookie.value()))
            });
        let mut sessions = lock(&self.sessions);
        let id = ids.find(|id| sessions.contains_key(id))?;
        if self.has_expired(sessions.get(&id)?) {
            sessions.remove(&id);
            return None;
        }
        let session = Arc::clone(sessions.get(&id)?);
        *lock(&session.used) = Instant::now();
        Some(session)
    }

    /// Begins a session, and returns its cookie.
    pub(crate) fn begin(&self) -> String {
        let id = SessionId(rand::random());
        let session = WebSession { id, values: Mutex::default(), used: Mutex::new(Instant::now()) };
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, session| !self.has_expired(session));
        if sessions.len() >= SESSIONS_MAX {
            let unused = sessions.values().filter(|session| !is_in_use(session));
            if let Some(id) = unused.min_by_key(|it| *lock(&it.used)).map(|it| it.id) {
                sessions.remove(&id);
            }
        }
        sessions.insert(id, Arc::new(session));
        // No `Domain`: only for this host. No `Max-Age`: until the browser is closed. No script
        // reads it, and pages of other sites do not send it.
        let cookie = Cookie::build((self.cookie, id.whole()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.cookie == SECURE_COOKIE);
        cookie.build().to_string()
    }

    /// A connection does not use its session any more.
    pub(crate) fn leave(&self, session: &WebSession, ends: bool) {
        *lock(&session.used) = Instant::now();
        if ends {
            lock(&self.sessions).remove(&session.id);
        }
    }

    fn has_expired(&self, session: &Arc<WebSession>) -> bool {
        !is_in_use(session) && lock(&session.used).elapsed() > self.timeout
    }
}

/// Returns whether a connection has it.
fn is_in_use(session: &Arc<WebSession>) -> bool {
    Arc::strong_count(session) > 1
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
