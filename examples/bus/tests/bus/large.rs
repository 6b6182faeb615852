//! In full size: sixty users, three servers behind HAProxy, and everything dies in turn.
//! `.ci/more bus` runs it; PYTHON and NODE_MODULES say where the other clients are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use hybi::Uri;
use hybi::blocking::{Connector, MaybeTls};
use hybi::handshake::ClientRequest;
use serde_json::{Value, json};

use crate::engine::{Engine, command, free_port};
use crate::program::{PATIENCE, Program, Talker};

const USERS: usize = 60;

/// Killed when dropped, and its configuration removed.
struct Proxy {
    process: Child,
    address: String,
    config: PathBuf,
}

impl Proxy {
    /// Starts HAProxy before these servers, as `haproxy.cfg` says.
    fn before(servers: &[Program]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut text = fs::read_to_string(root.join("haproxy.cfg")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        text = text.replace("127.0.0.1:8080", &address);
        for (server, port) in servers.iter().zip(9_001..) {
            text = text.replace(&format!("127.0.0.1:{port}"), &server.address);
        }
        let name = format!("{}.cfg", address.replace(':', "-"));
        let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&config, text).unwrap();
        let process = Command::new("haproxy")
            .args(["-db", "-q", "-f"])
            .arg(&config)
            .spawn()
            .expect("haproxy, from the Debian package of that name");
        while TcpStream::connect(&address).is_err() {}
        Self { process, address, config }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.config);
    }
}

/// A user behind the proxy.
struct User {
    /// From which it follows what its client is.
    number: usize,
    client: Client,
    id: u64,
}

enum Client {
    Ours(Talker),
    /// Of Python or Node.
    Foreign {
        process: Child,
        lines: Receiver<String>,
    },
}

impl User {
    fn come(proxy: &Proxy, number: usize) -> Self {
        let client = match number {
            0 => {
                let python = std::env::var("PYTHON").expect("PYTHON, with the package websockets");
                Client::foreign(Command::new(python).arg("tests/user.py"), proxy)
            }
            1 => Client::foreign(Command::new("node").arg("tests/user.mjs"), proxy),
            _ => {
                let uri = Uri::parse("ws://chat.example/chat").unwrap();
                let stream = MaybeTls::Plain(TcpStream::connect(&proxy.address).unwrap());
                let ws = Connector::new().connect_over(stream, &ClientRequest::new(&uri)).unwrap();
                Client::Ours(Talker::new(ws))
            }
        };
        let mut user = Self { number, client, id: 0 };
        let welcome = user.next();
        assert_eq!(welcome["type"], "welcome");
        user.id = welcome["id"].as_u64().unwrap();
        user
    }

    fn say(&mut self, line: &str) {
        match &mut self.client {
            Client::Ours(talker) => talker.send(&json!({ "line": line }).to_string()),
            Client::Foreign { process, .. } => {
                writeln!(process.stdin.as_mut().unwrap(), "{line}").unwrap();
            }
        }
    }

    /// Returns the next event for this user.
    fn next(&self) -> Value {
        let text = match &self.client {
            Client::Ours(talker) => talker.text(),
            Client::Foreign { lines, .. } => lines.recv_timeout(PATIENCE).unwrap(),
        };
        serde_json::from_str(&text).unwrap()
    }
}

impl Client {
    fn foreign(command: &mut Command, proxy: &Proxy) -> Self {
        let mut process = command
            .arg(&proxy.address)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        Self::Foreign { process, lines }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Self::Foreign { process, .. } = self {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Returns the next `count` events. Everybody must get the same ones, in the same order.
fn all_are_told(users: &[User], count: usize) -> Vec<Value> {
    let told: Vec<Value> = (0..count).map(|_| users[0].next()).collect();
    for user in &users[1..] {
        told.iter().for_each(|event| assert_eq!(user.next(), *event, "user {}", user.id));
    }
    told
}

/// Everybody who is there says a line. Returns the lines.
fn all_say(users: &mut [User], what: &str) -> BTreeSet<String> {
    let line = |user: &User| format!("{what}, says {}", user.id);
    users
        .iter_mut()
        .map(|user| {
            let line = line(user);
            user.say(&line);
            line
        })
        .collect()
}

/// The texts among events, each of which must be there once.
fn texts(events: &[Value]) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for event in events.iter().filter(|event| event["type"] == "message") {
        assert!(texts.insert(event["text"].as_str().unwrap().into()), "twice: {event}");
    }
    texts
}

#[test]
#[ignore = "large, and needs HAProxy, Python and Node: .ci/more bus"]
fn three_servers_behind_haproxy_outlive_the_death_of_each_and_of_the_engine() {
    let mut engine = Engine::start();
    let options = ["--deadline", "3", "--host", "chat.example"];
    let mut servers: Vec<Program> = (0..3).map(|_| engine.serve("chat", &options)).collect();
    // The number on the bus of each.
    let mut numbers = [1, 2, 3];
    let proxy = Proxy::before(&servers);
    let mut users: Vec<User> = Vec::new();
    let come = |users: &mut Vec<User>, number| {
        let newcomer = User::come(&proxy, number);
        if !users.is_empty() {
            let told = all_are_told(users, 1);
            assert_eq!((&told[0]["type"], &told[0]["id"]), (&json!("joined"), &json!(newcomer.id)));
        }
        users.push(newcomer);
    };
    (0..USERS).for_each(|number| come(&mut users, number));

    for round in 0..3 {
        let said = all_say(&mut users, &format!("{round}: all is well"));
        assert_eq!(texts(&all_are_told(&users, USERS)), said);

        // A server is killed while everybody else talks.
        let places: BTreeMap<u64, u64> = engine.send(&["HGETALL", "chat:where"]);
        let (dead, mut rest): (Vec<User>, Vec<User>) =
            users.drain(..).partition(|user| places[&user.id] == numbers[round]);
        assert!(dead.len() >= USERS / 6, "leastconn spreads them: {}", dead.len());
        let address = servers[round].address.clone();
        let begun = Instant::now();
        // SIGKILL, and its successor at the same address.
        servers[round].kill();
        let said = all_say(&mut rest, &format!("{round}: one is dead"));
        let told = all_are_told(&rest, said.len() + dead.len());
        println!("{} users were gone after {:?}", dead.len(), begun.elapsed());
        assert_eq!(texts(&told), said);
        let left = told.iter().filter(|event| event["type"] == "left");
        let left: BTreeSet<u64> = left.map(|event| event["id"].as_u64().unwrap()).collect();
        assert_eq!(left, dead.iter().map(|user| user.id).collect());
        // Its users come back, to the servers that live.
        users = rest;
        dead.iter().for_each(|user| come(&mut users, user.number));
        drop(dead);
        let bus = engine.url();
        servers[round] =
            Program::run(command("chat").args([&address, "--bus", &bus]).args(options));
        numbers[round] = 4 + round as u64;

        // The engine is killed while everybody talks.
        let before = all_say(&mut users, &format!("{round}: before"));
        engine.kill();
        let during = all_say(&mut users, &format!("{round}: during"));
        assert!(engine.restart());
        let after = all_say(&mut users, &format!("{round}: after"));
        let said: BTreeSet<String> = [before, during, after].into_iter().flatten().collect();
        assert_eq!(texts(&all_are_told(&users, 3 * USERS)), said);
    }
    let newcomer = User::come(&proxy, 2);
    assert_eq!(all_are_told(&users, 1)[0]["id"], newcomer.id);
    let places: BTreeMap<u64, u64> = engine.send(&["HGETALL", "chat:where"]);
    let ids = users.iter().map(|user| user.id).chain([newcomer.id]);
    assert_eq!(places.into_keys().collect::<BTreeSet<_>>(), ids.collect());
}
