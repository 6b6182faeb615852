//! The traits that public types have in common: all can be moved to and shared with other threads,
//! and printed.

use std::any::type_name;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::hash::Hash;
use std::path::Path;

use hybi::{
    adapter, blocking, connection, export, extension, frame, handshake, keepalive, relay, uri,
};

/// Notes a type, and checks that it has the traits that each public type must have.
fn note<T: Send + Sync + Unpin + Debug>(seen: &mut BTreeSet<String>) {
    let name = type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    seen.insert(name.rsplit("::").next().unwrap_or(name).to_owned());
}

/// An error can be boxed, sent to other threads, compared and kept.
fn note_error<T: Error + Send + Sync + Unpin + Clone + PartialEq + 'static>(
    seen: &mut BTreeSet<String>,
) {
    note::<T>(seen);
}

/// Plain data can be cloned, compared and hashed.
fn note_data<T: Send + Sync + Unpin + Debug + Clone + Eq + Hash>(seen: &mut BTreeSet<String>) {
    note::<T>(seen);
}

type Client = hybi::Client<fn() -> [u8; 4]>;

#[test]
fn every_public_type_can_be_sent_shared_and_printed() {
    let all = &mut BTreeSet::new();

    note_data::<hybi::CloseCode>(all);
    note_data::<hybi::Config>(all);
    note_data::<hybi::Event<'_>>(all);
    note_data::<hybi::Limits>(all);
    note_data::<hybi::Message>(all);
    note_data::<hybi::Utf8Bytes>(all);
    note_data::<hybi::RandomKeys>(all);
    note_data::<hybi::Server>(all);
    note_data::<hybi::Uri>(all);
    note::<Client>(all);
    note::<hybi::Connection<hybi::Server>>(all);
    note::<hybi::Connection<Client>>(all);
    note::<hybi::Inbox>(all);
    note::<hybi::Input<'_>>(all);
    note::<hybi::Outbox>(all);
    note_error::<hybi::EndOfInputError>(all);
    note_error::<hybi::Error>(all);
    note_error::<hybi::ProtocolError>(all);
    note_error::<hybi::UsageError>(all);
    note_data::<hybi::CutOff>(all);

    note_data::<connection::Abnormal>(all);
    note_data::<connection::Chunk<'_>>(all);
    note_data::<connection::ChunkData<'_>>(all);
    note_data::<connection::ChunkEvent<'_>>(all);
    note_data::<connection::Closed>(all);
    note_data::<connection::Data<'_>>(all);
    note_data::<connection::Kind>(all);
    note_data::<connection::Prepared>(all);
    note_data::<connection::ReadyState>(all);
    note_data::<connection::Reply>(all);
    note_data::<connection::Transport>(all);
    note::<connection::Reader<hybi::Server>>(all);
    note::<connection::Writer<Client>>(all);

    note_data::<extension::Offer<'_>>(all);
    note::<extension::Offers<'_>>(all);
    note::<extension::Params<'_>>(all);
    note_error::<extension::ExtensionsError>(all);
    #[cfg(feature = "deflate")]
    {
        use extension::deflate;
        note_data::<deflate::Agreed>(all);
        note_data::<deflate::Compression>(all);
        note_data::<deflate::DeflateConfig>(all);
        note_error::<deflate::NegotiationError>(all);
    }

    note_data::<frame::CloseReason<'_>>(all);
    note_data::<frame::EncodedHeader>(all);
    note_data::<frame::Header>(all);
    note_data::<frame::LengthForm>(all);
    note_data::<frame::OpCode>(all);
    note_data::<frame::Reserved>(all);
    note::<frame::Mask>(all);
    note_error::<frame::CloseCodeError>(all);

    note_data::<keepalive::Due>(all);
    note_data::<keepalive::KeepaliveConfig>(all);
    note::<keepalive::Keepalive>(all);
    note_error::<export::ExportError>(all);
    note_error::<export::ImportError>(all);
    note_error::<keepalive::KeepaliveError>(all);
    note_data::<keepalive::Progress>(all);

    note_data::<relay::Budget>(all);
    note_data::<relay::Counts>(all);
    note_data::<relay::Masks>(all);
    note_data::<relay::RelayConfig>(all);
    note_data::<relay::Side>(all);
    note_data::<relay::Verdict>(all);
    note::<relay::Passing<'_, '_>>(all);
    note::<relay::Piece<'_>>(all);
    note::<relay::Relay<fn() -> [u8; 4]>>(all);
    note_error::<relay::BudgetError>(all);
    note_error::<relay::RelayError>(all);

    note_error::<uri::UriError>(all);
    note_data::<uri::UriErrorKind>(all);
    note_data::<uri::UriPart>(all);

    note_data::<handshake::AcceptKey>(all);
    note::<handshake::Acceptance<'_>>(all);
    note::<handshake::Accepted<'_>>(all);
    note::<handshake::Answer<'_, fn() -> [u8; 4]>>(all);
    note::<handshake::ClientHandshake<fn() -> [u8; 4]>>(all);
    note::<handshake::ClientRequest<'_>>(all);
    note_data::<handshake::ConnectSetting>(all);
    note::<handshake::FieldValue<'_>>(all);
    note::<handshake::Fields<'_>>(all);
    note_data::<handshake::HeadLimits>(all);
    note_data::<handshake::HttpVersion>(all);
    note_data::<handshake::Key>(all);
    note::<handshake::PreparedRequest<'_>>(all);
    note::<handshake::ProxyAnswer<'_>>(all);
    note::<handshake::ProxyHandshake>(all);
    note::<handshake::ProxyRequest<'_>>(all);
    note::<handshake::Refusal>(all);
    note::<handshake::Rejected<'_>>(all);
    note::<handshake::Rejection<'_>>(all);
    note::<handshake::Request<'_>>(all);
    note::<handshake::RequestParts<'_>>(all);
    note::<handshake::Response<'_>>(all);
    note::<handshake::ResponseParts<'_>>(all);
    note::<handshake::ServerHandshake>(all);
    note_data::<handshake::Subprotocol<'_>>(all);
    note_data::<handshake::WebSocketVersion>(all);
    note_error::<handshake::ConnectSettingError>(all);
    note_error::<handshake::HandshakeUsageError>(all);
    note_error::<handshake::OriginError>(all);
    note_error::<handshake::RequestError>(all);
    note_error::<handshake::ResponseError>(all);
    note_error::<handshake::ServerHandshakeError>(all);

    type Socket = std::net::TcpStream;
    note::<blocking::Acceptor>(all);
    note::<blocking::Arrival>(all);
    note::<blocking::Hub>(all);
    note::<blocking::HubConfig>(all);
    note::<blocking::HubEvent>(all); // holds an `io::Error`, which cannot be compared
    note::<blocking::Peer>(all);
    note::<blocking::Session>(all);
    note_error::<blocking::PeerError>(all);
    note_error::<blocking::SendError>(all);
    note::<blocking::MaybeTls<Socket>>(all);
    note::<blocking::Parts<Socket, Client>>(all);
    note::<blocking::Pending<Socket>>(all);
    note::<blocking::Reader<Socket, hybi::Server>>(all);
    note::<blocking::Shared<Socket>>(all);
    #[cfg(feature = "rustls")]
    note::<blocking::TlsStream<Socket>>(all);
    note::<blocking::Untimed<Socket>>(all);
    note::<blocking::WebSocket<Socket, Client>>(all);
    note::<blocking::Writer<Socket, Client>>(all);
    #[cfg(feature = "rand")]
    note::<blocking::Connector>(all);

    note::<adapter::AcceptError>(all); // holds an `io::Error`, which cannot be compared
    note::<adapter::AddressError>(all); // and so do these
    note::<adapter::ConnectError>(all);
    note::<adapter::Error>(all);
    note::<adapter::Ending>(all);
    note::<adapter::HttpProxy>(all);
    note::<adapter::IoFailure>(all);
    note::<adapter::Opening>(all);
    note::<adapter::Tunnel<'_>>(all);
    note_data::<adapter::TunnelAnswer>(all);

    let mut named = BTreeSet::new();
    public_types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
    let mut absent = BTreeSet::new();
    if cfg!(not(feature = "deflate")) {
        absent.extend(["Agreed", "Compression", "DeflateConfig", "NegotiationError"]);
    }
    if cfg!(not(feature = "rand")) {
        absent.insert("Connector");
    }
    if cfg!(not(feature = "rustls")) {
        absent.insert("TlsStream");
    }
    named.retain(|name| !absent.contains(&**name));
    assert_eq!(*all, named, "the types of this test, and those of the crate");
}

/// Notes the structs and enums that are `pub` at the top of a file. A lint sees to it that all of them
/// can be reached.
fn public_types(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            public_types(&path, names);
        } else {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let item =
                    line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
                let name = item.and_then(|item| item.split(|c: char| !c.is_alphanumeric()).next());
                names.extend(name.map(str::to_owned));
            }
        }
    }
}
