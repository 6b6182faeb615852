//! The engine of a bus: a Redis at a free port, in a folder of its own.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use crate::program::Program;

/// Killed when dropped, and its folder removed.
pub struct Engine {
    process: Option<Child>,
    port: u16,
    folder: PathBuf,
}

impl Engine {
    pub fn start() -> Self {
        loop {
            let port = free_port();
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bus-{port}"));
            if fs::create_dir(&folder).is_err() {
                continue; // another test's
            }
            let mut engine = Self { process: None, port, folder };
            if engine.restart() {
                return engine;
            }
        }
    }

    /// Starts it again, with what it has kept. Returns whether it could.
    pub fn restart(&mut self) -> bool {
        let mut process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            // It acknowledges what is on the disk.
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(&self.folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server, from the Debian package of that name");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let is_ready =
            lines.any(|line| line.is_ok_and(|line| line.contains("Ready to accept connections")));
        thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
        is_ready
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Makes it stand still, or go on.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        signal(self.process.as_ref().unwrap().id(), name);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends the engine a command, as any other program could.
    pub fn send<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_send(words).unwrap()
    }

    /// Sends the engine a command, and returns its answer or its error.
    pub fn try_send<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        redis::cmd(words[0]).arg(&words[1..]).query(&mut connection)
    }

    /// Starts a server on it.
    pub fn serve(&self, program: &str, options: &[&str]) -> Program {
        Program::run(command(program).args(["127.0.0.1:0", "--bus", &self.url()]).args(options))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A way to the engine on which an answer can get lost, with the connection.
pub struct Way {
    address: String,
    losing: Arc<Mutex<Option<String>>>,
}

impl Way {
    pub fn to(engine: &Engine) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way =
            Self { address: listener.local_addr().unwrap().to_string(), losing: Arc::default() };
        let (port, losing) = (engine.port, Arc::clone(&way.losing));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                Self::pass(near, far, Arc::clone(&losing));
            }
        });
        way
    }

    fn pass(mut near: TcpStream, mut far: TcpStream, losing: Arc<Mutex<Option<String>>>) {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (mut back_near, mut back_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let loses = Arc::clone(&is_lost);
        thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while let Ok(len @ 1..) = near.read(&mut buffer) {
                let mut losing = losing.lock().unwrap();
                let is_it = losing.as_ref().is_some_and(|command| {
                    let bytes = format!("\r\n{command}\r\n").into_bytes();
                    buffer[..len].windows(bytes.len()).any(|window| window == bytes)
                });
                if is_it {
                    *losing = None;
                    loses.store(true, Ordering::SeqCst);
                }
                drop(losing);
                if far.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = far.shutdown(Shutdown::Both);
        });
        thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while let Ok(len @ 1..) = back_far.read(&mut buffer) {
                if is_lost.load(Ordering::SeqCst) || back_near.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = back_near.shutdown(Shutdown::Both);
        });
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Loses the next answer to this command of the script.
    pub fn lose(&self, command: &str) {
        *self.losing.lock().unwrap() = Some(command.into());
    }

    pub fn has_lost(&self) -> bool {
        self.losing.lock().unwrap().is_none()
    }
}

/// A port that was free a moment ago, and that the system gives to no connection: those that look
/// for a server that is away could be given its port.
pub fn free_port() -> u16 {
    let random = RandomState::new();
    let ports = (0..1_000).map(|attempt| 20_000 + (random.hash_one(attempt) % 12_000) as u16);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free port")
}

#[cfg(unix)]
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

pub fn command(program: &str) -> Command {
    Command::new(match program {
        "chat" => env!("CARGO_BIN_EXE_chat"),
        "push" => env!("CARGO_BIN_EXE_push"),
        other => panic!("{other}"),
    })
}
