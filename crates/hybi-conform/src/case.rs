//! The cases, as values.

use std::fmt;
use std::sync::Arc;

use crate::handshake::{self, Connect, Head};
use crate::random::{Pieces, seed};
use crate::script::Script;
use crate::tester::{Acts, When};
use crate::{autobahn, closing, framing, hostile, http2, utf8_early};

/// The end of the connection that is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A server: the tester is its client.
    Server,
    /// A client: the tester is its server.
    Client,
}

impl Role {
    /// Both roles.
    pub const BOTH: [Self; 2] = [Self::Server, Self::Client];
}

/// A group of cases, by subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// The 517 cases of the Autobahn testsuite, under their ids.
    Autobahn,
    /// Frames that Autobahn does not send.
    Framing,
    /// The opening handshake, which Autobahn does not test.
    Handshake,
    /// How connections end, and what the transport does: for sockets.
    Closing,
    /// How early an invalid byte of a text is refused.
    Utf8Early,
    /// WebSocket over HTTP/2 (RFC 8441), for servers that have it.
    Http2,
    /// Floods, bombs and peers that wait. Run them only against a server of your own.
    Hostile,
}

impl Group {
    /// All groups, in the order in which they run.
    pub const ALL: &[Self] = &[
        Self::Autobahn,
        Self::Framing,
        Self::Handshake,
        Self::Closing,
        Self::Utf8Early,
        Self::Http2,
        Self::Hostile,
    ];

    /// Returns the name that the command line uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Autobahn => "autobahn",
            Self::Framing => "framing",
            Self::Handshake => "handshake",
            Self::Closing => "closing",
            Self::Utf8Early => "utf8-early",
            Self::Http2 => "http2",
            Self::Hostile => "hostile",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much room the RFC leaves (RFC 2119). If a case does not come out as expected, this decides
/// between `FAILED`, `NON-STRICT` and `INFORMATIONAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// The expected result is required.
    Must,
    /// The expected result is recommended.
    Should,
    /// The expected result is one of several that are allowed.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// How big the messages are in cases that are about volume: Autobahn's 9, 12 and 13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Messages of category 9 above 256 KiB are 32 times shorter, but still have a length of 64
    /// bits. 50 messages stand for 1000. In categories 12 and 13, messages have at most 4 KiB, two
    /// or more, in fragments of at most 1 KiB.
    Reduced,
    /// The sizes of the original: up to 16 MiB, and in categories 12 and 13 a thousand messages of
    /// up to 128 KiB for each case, 9.3 GB altogether.
    Full,
}

/// A test case: the bytes that the tester sends, and the reaction that it expects.
#[derive(Clone)]
pub struct Case {
    id: String,
    group: Group,
    title: String,
    section: &'static str,
    level: Level,
    /// The role that is tested. `None`: both.
    only: Option<Role>,
    pub(crate) plan: Plan,
}

/// How a case is run. A group of another kind is another plan, and a stage of the tester.
#[derive(Clone)]
pub(crate) enum Plan {
    /// Frames after a good handshake. Made when they are needed, because some are long.
    Frames(Arc<dyn Fn() -> Script + Send + Sync>),
    /// A request to a server.
    Request(Arc<Head>),
    /// A response to a client.
    Response(Arc<Head>),
    /// Acts, for cases in which the transport or the timing matters.
    Acts(Arc<Acts>),
    /// An extended CONNECT to a server.
    Connect(Arc<Connect>),
    /// A look at the settings of a server's HTTP/2.
    Settings,
}

/// Returns the cases of a group, in the order in which they run.
pub fn cases(group: Group, size: Size) -> Box<dyn Iterator<Item = Case> + Send> {
    match group {
        Group::Autobahn => Box::new(autobahn::cases(size)),
        Group::Framing => Box::new(framing::cases().into_iter()),
        Group::Closing => Box::new(closing::cases().into_iter()),
        Group::Utf8Early => Box::new(utf8_early::cases().into_iter()),
        Group::Http2 => Box::new(http2::cases()),
        Group::Hostile => Box::new(hostile::cases().into_iter()),
        Group::Handshake => {
            let requests = handshake::requests().into_iter();
            // Servers have origin policies of their own, so lists of origins cannot be tested.
            let requests = requests.filter(|head| matches!(head.setting, "any" | "same"));
            let requests = requests.map(|head| Case::head(Role::Server, head, Plan::Request));
            let responses = handshake::responses().into_iter();
            let responses = responses.map(|head| Case::head(Role::Client, head, Plan::Response));
            Box::new(requests.chain(responses))
        }
    }
}

impl Case {
    pub(crate) fn frames(
        id: impl Into<String>,
        title: impl Into<String>,
        section: &'static str,
        make: impl Fn() -> Script + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            group: Group::Autobahn,
            title: title.into(),
            section,
            level: Level::Must,
            only: None,
            plan: Plan::Frames(Arc::new(make)),
        }
    }

    pub(crate) fn acts(
        group: Group,
        id: &str,
        title: &str,
        section: &'static str,
        level: Level,
        acts: Acts,
    ) -> Self {
        let (id, title) = (format!("{group}/{id}"), title.to_owned());
        let only = acts.role;
        Self { id, group, title, section, level, only, plan: Plan::Acts(Arc::new(acts)) }
    }

    pub(crate) fn connect(head: Connect) -> Self {
        Self {
            id: format!("http2/{}", head.id),
            group: Group::Http2,
            title: title(head.about, head.id),
            section: head.section,
            level: head.level,
            only: Some(Role::Server),
            plan: Plan::Connect(Arc::new(head)),
        }
    }

    pub(crate) fn settings() -> Self {
        Self {
            id: "http2/settings".into(),
            group: Group::Http2,
            title: "the settings allow extended CONNECT".into(),
            section: "RFC 8441 §3",
            level: Level::Must,
            only: Some(Role::Server),
            plan: Plan::Settings,
        }
    }

    pub(crate) fn level_of(self, level: Level) -> Self {
        Self { level, ..self }
    }

    pub(crate) fn in_group(self, group: Group) -> Self {
        Self { group, ..self }
    }

    pub(crate) fn only(self, role: Role) -> Self {
        Self { only: Some(role), ..self }
    }

    fn head(role: Role, head: Head, plan: fn(Arc<Head>) -> Plan) -> Self {
        let name = if role == Role::Server { "server" } else { "client" };
        Self {
            id: format!("{name}/{}", head.id),
            group: Group::Handshake,
            title: title(head.about, head.id),
            section: head.section,
            level: head.level,
            only: Some(role),
            plan: plan(Arc::new(head)),
        }
    }

    /// Returns the id: Autobahn's; `server/` or `client/` and the id within the file; or one that
    /// begins with the name of the group.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the group.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Returns what the case tests, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the section of the RFC that decides.
    pub fn section(&self) -> &'static str {
        self.section
    }

    /// Returns how much room that section leaves.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Returns why the case has its expectation, in a sentence or two. `None`: the section alone
    /// says it.
    pub fn rule(&self) -> Option<&'static str> {
        match &self.plan {
            Plan::Request(_) | Plan::Response(_) => handshake::rule(&self.id),
            _ => None,
        }
    }

    /// Returns the first number of an Autobahn id. `None`: it is of another group.
    pub fn category(&self) -> Option<u8> {
        match self.group {
            Group::Autobahn => self.id.split('.').next()?.parse().ok(),
            _ => None,
        }
    }

    /// Returns whether the case tests this role.
    pub fn tests(&self, role: Role) -> bool {
        self.only.is_none_or(|only| only == role)
    }

    /// Returns whether the implementation must serve another connection while the case runs, and
    /// after it; in the group [`Http2`](Group::Http2), another stream of the connection.
    pub fn wants_others_meanwhile(&self) -> bool {
        self.others() == Some(When::Meanwhile)
    }

    /// Returns whether the implementation must serve another connection after the case, but not
    /// while it runs.
    pub fn wants_others_afterwards(&self) -> bool {
        self.others() == Some(When::Afterwards)
    }

    fn others(&self) -> Option<When> {
        let Plan::Acts(acts) = &self.plan else { return None };
        acts.others
    }

    /// Returns whether the case begins after a good opening handshake, so that it can be run
    /// against an implementation without one.
    pub fn is_framed(&self) -> bool {
        matches!(self.plan, Plan::Frames(_))
    }

    /// Returns the `Sec-WebSocket-Extensions` that the case needs: the offer to a server, or the
    /// answer to a client. `None`: it needs none.
    pub fn extensions(&self, role: Role) -> Option<&'static str> {
        let Plan::Frames(make) = &self.plan else { return None };
        let compression = make().compression?;
        Some(match role {
            Role::Server => compression.offer,
            Role::Client => compression.answer,
        })
    }

    /// Returns a description of what the tester sends.
    pub fn sent(&self) -> String {
        match &self.plan {
            Plan::Frames(make) => make().sent(),
            Plan::Acts(acts) => acts.describe(),
            Plan::Connect(head) => head.sent(),
            Plan::Settings => "the preface of HTTP/2".into(),
            Plan::Request(head) => head.sent("a good request"),
            Plan::Response(head) => head.sent("a good response"),
        }
    }

    /// Returns a description of what must come back.
    pub fn expected(&self) -> String {
        match &self.plan {
            Plan::Frames(make) => make().wanted(),
            Plan::Acts(acts) => acts.expected.clone(),
            Plan::Connect(head) => head.expected(),
            Plan::Settings => "SETTINGS_ENABLE_CONNECT_PROTOCOL of 1".into(),
            Plan::Request(head) | Plan::Response(head) => head.expected(),
        }
    }

    /// Returns the ways to deliver its frames: as the suite does, and split at random; if it is
    /// short, also at once, split at random in two other ways, and byte by byte.
    pub fn ways(&self) -> Vec<Pieces> {
        let Plan::Frames(make) = &self.plan else { return vec![Pieces::Whole] };
        let script = make();
        let bytes = script.bytes();
        let seed = seed(&self.id);
        let mut ways = vec![script.pieces, Pieces::Random(seed)];
        if bytes <= 70_000 && script.compression.is_none() {
            ways.extend([Pieces::Whole, Pieces::Random(seed + 1), Pieces::Random(seed + 2)]);
        }
        if bytes <= 5_000 {
            ways.push(Pieces::Of(1));
        }
        ways
    }
}

/// Returns the title of a case with a head: what it is about, and its id within that in words.
fn title(about: &str, id: &str) -> String {
    let what = id.split_once('/').map_or(id, |(_, what)| what);
    format!("{about}: {}", what.replace('-', " "))
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).finish_non_exhaustive()
    }
}
