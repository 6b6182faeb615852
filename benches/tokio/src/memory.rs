//! The heap of an idle connection, counted by the server's allocator. The server has a process of
//! its own, so neither process needs more than one descriptor for a connection.

use crate::server::{self, Server};
use hybi_bench_shared::load::{self, Kind, Messages};
use hybi_bench_shared::process::Process;
use hybi_bench_shared::system;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::{env, thread};
use tokio_rustls::TlsAcceptor;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Heap per connection after its handshake, and after a message of 1 KiB.
pub struct Bytes {
    pub idle: usize,
    pub used: usize,
}

impl Bytes {
    pub fn columns(&self, server: &Server) -> [Option<usize>; 2] {
        [Some(self.idle), (server.name != server::TASK).then_some(self.used)]
    }
}

/// The certificate and key of a TLS server, and the configuration of clients that trust it.
pub struct Identity {
    client: Arc<rustls::ClientConfig>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    pub fn new() -> Result<Self> {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let client = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            client: Arc::new(client),
            certificate: cert.der().to_vec(),
            key: signing_key.serialize_der(),
        })
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Opens so many connections, over TLS if there is an identity.
pub fn measure(server: &Server, connections: usize, tls: Option<&Identity>) -> Result<Bytes> {
    let mut process = start(server, tls)?;
    let messages = Messages::new(Kind::Binary, 1 << 10, 1);
    let address = process.address;
    let open = || -> Result<Client> {
        let stream = load::connect(address)?;
        let mut client = match tls {
            None => Client::Plain(stream),
            Some(identity) => {
                let name = ServerName::try_from("localhost")?;
                let session = rustls::ClientConnection::new(Arc::clone(&identity.client), name)?;
                Client::Tls(Box::new(rustls::StreamOwned::new(session, stream)))
            }
        };
        load::request(&mut client)?;
        load::answer(&mut client)?;
        Ok(client)
    };
    // The first connection also allocates the state that all connections share.
    let mut first = open()?;
    if server.name != server::TASK {
        load::echo_one(&mut first, &messages)?;
    }
    let before = process.heap()?;
    let mut clients = (0..connections).map(|_| open()).collect::<Result<Vec<_>>>()?;
    let idle = process.heap()?.saturating_sub(before) / connections;
    if server.name != server::TASK {
        for client in &mut clients {
            load::echo_one(client, &messages)?;
        }
    }
    let used = process.heap()?.saturating_sub(before) / connections;
    Ok(Bytes { idle, used })
}

enum Client {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl Read for Client {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Starts a server in a process of its own.
fn start(server: &Server, tls: Option<&Identity>) -> Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--serve", server.name]);
    if let Some(identity) = tls {
        command.args([hex(&identity.certificate), hex(&identity.key)]);
    }
    Ok(Process::start(&mut command)?)
}

/// The process itself: serves, says its port, and answers each line with the bytes of its heap,
/// until standard input ends.
pub fn serve(mut args: impl Iterator<Item = String>) -> Result<()> {
    let name = args.next().unwrap_or_default();
    let server = Server::find(&name).ok_or("no such server")?;
    let tls = match (args.next(), args.next()) {
        (Some(certificate), Some(key)) => Some(acceptor(bytes(&certificate)?, bytes(&key)?)?),
        _ => None,
    };
    let (listener, address) = server::listen()?;
    thread::spawn(move || server.run(listener, tls));
    println!("{}", address.port());
    for line in io::stdin().lines() {
        line?;
        println!("{}", system::heap());
    }
    Ok(())
}

fn acceptor(certificate: Vec<u8>, key: Vec<u8>) -> Result<TlsAcceptor> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(str::from_utf8);
    pairs.map(|pair| Ok(u8::from_str_radix(pair?, 16)?)).collect()
}
