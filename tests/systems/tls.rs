//! The programs over TLS, with a certificate in files as docs/guide.md makes one.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;

use hybi::Uri;
use hybi::blocking::rustls::crypto::ring;
use hybi::blocking::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use hybi::blocking::rustls::server::WebPkiClientVerifier;
use hybi::blocking::rustls::{ClientConfig, RootCertStore, ServerConfig};
use hybi::blocking::{self, TlsStream};
use hybi::handshake::Acceptance;

use crate::program::{Program, example};

/// A certificate for `localhost` and its key, in files that are removed when this is dropped.
pub struct Files(PathBuf);

impl Files {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hybi-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(arguments: &[&str]) -> Child {
    let mut command = example("client");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn the_client_talks_to_the_servers_over_tls() {
    let files = Files::new("tls");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let echo = ["--serve", "echo"];
    for (name, path, options) in [
        ("echo_server", "", &[][..]),
        ("chat", "chat", &[]),
        ("push", "", &[]),
        ("handlers", "", &echo),
    ] {
        let server = Program::start(name, &[options, &["--tls", &cert, &key]].concat());
        let port = server.address.rsplit(':').next().unwrap();
        let uri = format!("wss://localhost:{port}/{path}");
        let mut client = start(&[&uri, "--trust", &cert]);
        // It closes the connection once its input ends.
        let mut input = client.stdin.take().unwrap();
        input.write_all(b"{\"line\": \"one\"}\n").unwrap();
        let mut output = BufReader::new(client.stdout.take().unwrap()).lines();
        // `handlers` answers in capital letters.
        let is_ours = |line: String| line.to_lowercase().contains("\"one\"");
        assert!(output.any(|line| is_ours(line.unwrap())), "{name}");
        drop(input);
        assert_eq!(output.map(Result::unwrap).next(), None, "{name}");
        let client = client.wait_with_output().unwrap();
        let err = String::from_utf8(client.stderr).unwrap();
        assert_eq!(client.status.code(), Some(0), "{name}: {err}");
        assert!(err.contains("closed: 1000"), "{name}: {err}");

        let trusting = start(&[&uri, "--insecure"]).wait_with_output().unwrap();
        let err = String::from_utf8(trusting.stderr).unwrap();
        assert_eq!(trusting.status.code(), Some(0), "{name}: {err}");

        // The system trusts nobody who made it.
        let client = start(&[&uri]).wait_with_output().unwrap();
        let err = String::from_utf8(client.stderr).unwrap();
        assert_eq!(client.status.code(), Some(1), "{name}: {err}");
        assert!(err.contains("TLS failed") && err.contains("certificate"), "{name}: {err}");
        assert!(
            err.contains("If the server made its certificate itself, say --trust CERT"),
            "{name}: {err}"
        );
    }
}

/// The client is asked for a certificate, and the server trusts its own.
#[test]
fn the_client_shows_its_certificate() {
    let files = Files::new("identity");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let mut chain = CertificateDer::pem_file_iter(&cert).unwrap().map(Result::unwrap);
    let certificate = chain.next().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_file(&key).unwrap());
    let config = Arc::new(config.unwrap());
    for shows in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
        let config = Arc::clone(&config);
        let server = thread::spawn(move || {
            let stream = TlsStream::server(listener.accept().unwrap().0, config).unwrap();
            let pending = blocking::receive_request(stream).map_err(|error| error.to_string())?;
            let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
            while ws.receive().unwrap().is_some() {}
            Ok::<_, String>(())
        });
        let identity: &[&str] = if shows { &["--identity", &cert, &key] } else { &[] };
        let arguments = [&["--trust", &cert, &uri][..], identity].concat();
        let client = start(&arguments).wait_with_output().unwrap();
        let err = String::from_utf8(client.stderr).unwrap();
        assert_eq!(client.status.code(), Some(if shows { 0 } else { 1 }), "{err}");
        let served = server.join().unwrap();
        assert_eq!(served.is_ok(), shows, "{served:?}");
    }
}

/// Its URLs say what they are for.
#[test]
fn an_endpoint_over_tls_has_a_url_with_wss() {
    let files = Files::new("endpoints-tls");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let mut command = example("endpoints");
    let mut server = Program::run(command.args(["localhost:0", "--tls", &cert, &key]));
    server.line("open https://localhost:");
    server.type_line("allocate");
    let line = server.line("wss://localhost:");
    let mut client = start(&[line.trim(), "--trust", &cert]);
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"over TLS\n").unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap().contains("over TLS")));
    drop(input);
    assert_eq!(client.wait().unwrap().code(), Some(0));
}

/// A browser sends it over TLS only.
#[test]
fn the_cookie_of_a_session_over_tls_is_secure() {
    let files = Files::new("push-tls");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let server = Program::start("push", &["--tls", &cert, &key]);
    server.line("open https://127.0.0.1:");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cert).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(&server.address).unwrap();
    let uri = Uri::parse("wss://localhost/").unwrap();
    let mut stream = TlsStream::client(socket, Arc::new(config), &uri).unwrap();
    let request = "PUT /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let cookie =
        answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie: ")).unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[test]
fn files_that_hold_no_certificate_are_told_before_anything_begins() {
    let files = Files::new("no-tls");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let no_certificate = format!("--tls: no certificate in {key}");
    let no_key = format!("--tls: no private key in {cert}");
    for (program, arguments, wrong) in [
        ("echo_server", vec!["--tls", "/nowhere.pem", &*key], "--tls: /nowhere.pem: I/O error: "),
        ("echo_server", vec!["--tls", &*key, &*key], &no_certificate),
        ("echo_server", vec!["--tls", &*cert, &*cert], &no_key),
        ("echo_server", vec!["--tls", &*cert], "--tls needs a value"),
        ("chat", vec!["--tls", &*cert, "/nowhere.pem"], "--tls: /nowhere.pem"),
        ("push", vec!["--tls", &*cert, "/nowhere.pem"], "--tls: /nowhere.pem"),
        ("endpoints", vec!["--tls", "/nowhere.pem", &*key], "--tls: /nowhere.pem"),
        ("handlers", vec!["--tls", &*cert, "/nowhere.pem"], "--tls: /nowhere.pem"),
        ("client", vec!["wss://a/", "--trust", "/nowhere.pem"], "/nowhere.pem"),
        ("client", vec!["wss://a/", "--trust", "/dev/null"], "no certificate"),
        ("client", vec!["wss://a/", "--identity", "/nowhere.pem", &*key], "/nowhere.pem"),
        ("client", vec!["wss://a/", "--identity", &*cert, "/nowhere.pem"], "/nowhere.pem"),
        ("client", vec!["wss://a/", "--identity", &*key, &*key], "--identity: no certificate in /"),
        ("client", vec!["wss://a/", "--identity", &*cert, &*cert], "--identity: no private key in"),
        ("client", vec!["wss://a/", "--identity", &*cert], "--identity needs a value"),
    ] {
        let output = example(program).args(&arguments).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains(wrong), "{arguments:?}: {err}");
    }
}
