//! Faults: a server dies or stalls, the engine dies or forgets, the bus lies.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use hybi::CloseCode;
use serde_json::json;

use crate::engine::{Engine, Way, command, signal};
use crate::program::Program;
use crate::user::User;

#[test]
fn no_engine_is_a_clear_error_at_the_start() {
    let mut engine = Engine::start();
    let url = engine.url();
    engine.kill();
    for program in ["chat", "push"] {
        for (url, text) in [
            (&*url, "cannot use the bus at 127.0.0.1:"),
            // The URL may have a password, and the line a log.
            ("redis://:secret@a:b", "--bus: "),
        ] {
            let output = command(program).args(["127.0.0.1:0", "--bus", url]).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(error.starts_with(text) && !error.contains("secret"), "{error}");
            assert!(output.stdout.is_empty());
        }
    }
    let output = command("push").args(["--bus", &url, "--command", "1 hello"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Connection refused"));
}

/// The server at this address is no engine: here, it is our own web server.
#[test]
fn what_is_no_engine_is_a_clear_error_at_the_start() {
    let engine = Engine::start();
    let web = engine.serve("chat", &[]);
    let output = command("chat")
        .args(["127.0.0.1:0", "--bus", &format!("redis://{}", web.address)])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("cannot use the bus at 127.0.0.1:"), "{error}");
}

/// The error tells what it answers, or that it does not.
#[test]
fn an_engine_that_says_nothing_or_something_strange_is_a_clear_error_at_the_start() {
    let (ok, null) = ("+OK\r\n", "$-1\r\n");
    for (first, then, text) in [
        ("", "", "it does not answer"),
        ("\u{1b}[2J\r\n", "", "it answers something unexpected: "),
        (ok, null, "it answers something unexpected: "),
        (ok, "-NOPERM you may not\r\n", "you may not"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                // The client says who it is, twice, and then calls the script.
                let mut buffer = [0; 64 << 10];
                while let Ok(len @ 1..) = socket.read(&mut buffer) {
                    let count =
                        |word| String::from_utf8_lossy(&buffer[..len]).matches(word).count();
                    let answer = match count("SETINFO") {
                        0 => then.into(),
                        count => first.repeat(count),
                    };
                    let _ = socket.write_all(answer.as_bytes());
                }
            }
        });
        let output = command("chat").args(["127.0.0.1:0", "--bus", &url]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with("cannot use the bus at 127.0.0.1:"), "{error}");
        assert!(error.contains(text), "{text:?} is missing in {error}");
        assert!(!server.is_finished());
    }
}

#[test]
fn the_users_of_a_server_that_is_killed_leave_and_nobody_else_notices() {
    let engine = Engine::start();
    let servers: Vec<Program> =
        (0..3).map(|_| engine.serve("chat", &["--deadline", "2"])).collect();
    let users: Vec<User> =
        (0..6).map(|number| User::come(&servers[number % servers.len()])).collect();
    let rest: Vec<&User> = [0, 1, 3, 4].map(|number| &users[number]).into();
    for (place, user) in users.iter().enumerate() {
        (place + 1..users.len()).for_each(|_| drop(user.next_is("joined")));
    }
    users[2].type_line("alias Zoe");
    users.iter().for_each(|user| drop(user.next_is("renamed")));

    let mut servers = servers;
    drop(servers.pop()); // SIGKILL
    for user in &rest {
        let mut left = [0; 2].map(|_| user.next_is("left")["id"].as_u64().unwrap());
        left.sort_unstable();
        assert_eq!(left, [users[2].id, users[5].id]);
    }
    // Everything else is as it was: the next that they hear is the next that is said.
    rest[0].type_line("still there?");
    rest.iter().for_each(|user| assert_eq!(user.next_texts(1), ["still there?"]));
    // Names are free again, and the list is right.
    rest[1].type_line("alias zoe");
    rest.iter().for_each(|user| assert_eq!(user.next_is("renamed")["name"], "zoe"));
    let newcomer = User::come(&servers[1]);
    let ids = rest.iter().map(|user| user.id).chain([newcomer.id]).collect::<Vec<_>>();
    assert_eq!(newcomer.listed(), ids);
}

#[test]
fn an_engine_that_is_killed_and_restarted_has_lost_nothing_and_repeats_nothing() {
    let mut engine = Engine::start();
    let servers = [engine.serve("chat", &[]), engine.serve("chat", &[])];
    let users = [User::come(&servers[0]), User::come(&servers[1])];
    users[0].next_is("joined");
    let mut said = Vec::new();
    for round in 0..3 {
        for number in 0..5 {
            let line = format!("before {round}.{number}");
            users[0].type_line(&line);
            said.push(line);
        }
        // Acknowledged: it came back.
        users.iter().for_each(|user| assert_eq!(user.next_texts(5), said[said.len() - 5..]));
        for number in 0..5 {
            users[1].type_line(&format!("meanwhile {round}.{number}"));
        }
        engine.kill();
        users[1].type_line(&format!("meanwhile {round}.5"));
        assert!(engine.restart());
        users[1].type_line(&format!("meanwhile {round}.6"));
        for number in 0..7 {
            let line = format!("meanwhile {round}.{number}");
            users.iter().for_each(|user| assert_eq!(user.next_texts(1), [&*line]));
            said.push(line);
        }
    }
    // Nobody has left or come, and the history has every line once.
    let newcomer = User::come(&servers[1]);
    assert_eq!(newcomer.listed(), [users[0].id, users[1].id, newcomer.id]);
    assert_eq!(newcomer.history(), said);
    users.iter().for_each(|user| assert_eq!(user.next_is("joined")["id"], newcomer.id));
    assert!(newcomer.id > users[1].id);
}

#[test]
fn who_comes_and_leaves_while_the_engine_is_away_has_come_and_left_when_it_is_back() {
    let mut engine = Engine::start();
    let chat = engine.serve("chat", &[]);
    let (ann, bob) = (User::come(&chat), User::come(&chat));
    ann.next_is("joined");
    engine.kill();
    bob.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    let (address, server) = (chat.address.clone(), &chat);
    let newcomer = thread::spawn(move || User::come_to(&address));
    server.line("left: "); // its call has given up
    assert!(engine.restart());
    let newcomer = newcomer.join().unwrap();
    let mut events = [ann.next(), ann.next()];
    events.sort_by_key(|event| event["type"].as_str() == Some("left"));
    assert_eq!(events[0]["id"], newcomer.id);
    assert_eq!(events[1]["id"], bob.id);
    assert_eq!(User::come(&chat).listed()[..2], [ann.id, newcomer.id]);
}

/// It is away for longer than the deadline of the servers, too. None of them may take another for
/// dead because of that.
#[test]
fn an_engine_that_is_away_for_too_long_is_told_to_who_speaks_and_to_who_comes() {
    let mut engine = Engine::start();
    let options = ["--deadline", "3"];
    let (one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    let (ann, bob) = (User::come(&one), User::come(&two));
    ann.next_is("joined");
    engine.kill();
    ann.type_line("lost?");
    let newcomer = two.client("/chat");
    let error = ann.next_is("error");
    assert_eq!(error["text"], "The chat is interrupted. Please try again later.");
    assert_eq!(newcomer.end().code(), 1013);
    assert!(engine.restart());
    one.line("the bus is back");
    two.line("the bus is back");
    bob.type_line("and now?");
    [ann, bob].iter().for_each(|user| assert_eq!(user.next_texts(1), ["and now?"]));
}

/// It stands still for longer than its deadline, and the others have to take it for dead.
#[cfg(unix)]
#[test]
fn a_server_that_was_taken_for_dead_sends_its_users_away_and_begins_anew() {
    let engine = Engine::start();
    let options = ["--deadline", "2"];
    let (one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    let (ann, bob) = (User::come(&one), User::come(&two));
    signal(one.id(), "-STOP");
    assert_eq!(bob.next_is("left")["id"], ann.id);
    signal(one.id(), "-CONT");
    let closed = ann.talker.end();
    assert_eq!((closed.code(), closed.reason()), (1012, "interrupted: please come back"));
    one.line("this server has lost the bus: it begins anew");
    one.line("this is server ");
    let ann = User::come(&one);
    assert_eq!(ann.listed(), [bob.id, ann.id]);
    assert_eq!(bob.next_is("joined")["id"], ann.id);
}

/// It stands still until the stream has lost what it had not read.
#[cfg(unix)]
#[test]
fn a_server_that_has_missed_events_sends_its_users_away_and_begins_anew() {
    let engine = Engine::start();
    let options = ["--deadline", "60"];
    let (one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    let (ann, bob) = (User::come(&one), User::come(&two));
    signal(one.id(), "-STOP");
    let lines: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    lines.iter().for_each(|line| bob.type_line(line));
    assert_eq!(bob.next_texts(lines.len()), lines);
    engine.send::<u64>(&["XTRIM", "chat:events", "MAXLEN", "10"]);
    signal(one.id(), "-CONT");
    assert_eq!(ann.talker.end().code(), 1012);
    assert_eq!(bob.next_is("left")["id"], ann.id);
    one.line("this is server ");
    let ann = User::come(&one);
    assert_eq!(ann.listed(), [bob.id, ann.id]);
    assert_eq!(ann.history(), lines[10..]);
}

/// It stands still for longer than the servers count as alive, but not for so long that they give
/// up their connections. None of them takes another for dead.
#[cfg(unix)]
#[test]
fn an_engine_that_stands_still_ends_nobody() {
    let engine = Engine::start();
    let options = ["--deadline", "2"];
    let servers = [(); 3].map(|()| engine.serve("chat", &options));
    let users = [0, 1, 2].map(|place| User::come(&servers[place]));
    users[0].next_is("joined");
    users[..2].iter().for_each(|user| drop(user.next_is("joined")));
    for round in 0..3 {
        // Steady again: a server that dies now is ended.
        let dying = engine.serve("chat", &options);
        let victim = User::come(&dying);
        users.iter().for_each(|user| drop(user.next_is("joined")));
        drop(dying);
        users.iter().for_each(|user| assert_eq!(user.next_is("left")["id"], victim.id));
        engine.signal("-STOP");
        // It waits for two seconds.
        let list = ["--bus", &engine.url(), "--command", "list"];
        assert_eq!(command("push").args(list).output().unwrap().status.code(), Some(1));
        engine.signal("-CONT");
        let line = format!("still here: {round}");
        users[round].type_line(&line);
        users.iter().for_each(|user| assert_eq!(user.next_texts(1), [&*line]));
    }
}

/// Calls that wait for it do not wait for each other.
#[cfg(unix)]
#[test]
fn an_engine_that_stands_still_holds_up_nobody_for_long() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &["--deadline", "60"]);
    let users: Vec<User> = (0..20).map(|_| User::come(&chat)).collect();
    for (place, user) in users.iter().enumerate() {
        (place + 1..users.len()).for_each(|_| drop(user.next_is("joined")));
    }
    engine.signal("-STOP");
    users.iter().for_each(|user| user.type_line("hello?"));
    users.iter().for_each(|user| drop(user.next_is("error")));
    engine.signal("-CONT");
    // The lines of which nobody knew may have been said.
    users[0].type_line("hello!");
    users.iter().for_each(|user| while user.next_texts(1) != ["hello!"] {});
}

#[test]
fn an_engine_that_forgets_everything_is_a_new_beginning() {
    let engine = Engine::start();
    let (one, two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let users = [User::come(&one), User::come(&two)];
    engine.send::<()>(&["FLUSHALL"]);
    users.iter().for_each(|user| assert_eq!(user.talker.end().code(), 1012));
    one.line("it begins anew");
    two.line("it begins anew");
    one.line("this is server");
    two.line("this is server");
    let (ann, bob) = (User::come(&one), User::come(&two));
    assert_eq!(bob.listed(), [ann.id, bob.id]);
}

/// It goes on when another has already begun anew, which must not get its number.
#[cfg(unix)]
#[test]
fn a_server_that_has_not_noticed_that_the_engine_forgot_everything_harms_none_that_has() {
    forgets_something(&["FLUSHALL"]);
}

/// For instance because it has an older copy of its data.
#[cfg(unix)]
#[test]
fn nor_does_one_that_has_not_noticed_that_the_engine_forgot_something() {
    forgets_something(&[
        "EVAL",
        "redis.call('FLUSHALL') redis.call('SET', 'chat:instance', 1)",
        "0",
    ]);
}

#[cfg(unix)]
fn forgets_something(how: &[&str]) {
    let engine = Engine::start();
    let options = ["--deadline", "60"];
    let (one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    signal(two.id(), "-STOP");
    engine.send::<()>(how);
    one.line("it begins anew");
    one.line("this is server");
    let ann = User::come(&one);
    signal(two.id(), "-CONT");
    two.line("it begins anew");
    two.line("this is server");
    let bob = User::come(&two);
    assert_eq!(bob.listed(), [ann.id, bob.id]);
    assert_eq!(ann.next_is("joined")["id"], bob.id);
}

#[test]
fn foreign_entries_on_the_bus_are_told_and_skipped() {
    let engine = Engine::start();
    let (one, two) = (engine.serve("chat", &[]), engine.serve("chat", &[]));
    let (ann, bob) = (User::come(&one), User::come(&two));
    ann.next_is("joined");
    let long = "x".repeat(2 << 20);
    let long_text =
        json!({ "type": "message", "id": 1, "author": "Ann", "sent": 1, "text": "x".repeat(1001) });
    for (name, value, why) in [
        ("event", "", "EOF"),
        ("event", "nonsense", "expected"),
        ("event", "[]", "no text \"type\""),
        ("event", r#"{"type":"\u001b[2J"}"#, r"\u{1b}"),
        ("event", r#"{"type":"joined","id":-1,"name":"Eve"}"#, "no number \"id\""),
        ("event", r#"{"type":"joined","id":9}"#, "no text \"name\""),
        ("event", r#"{"type":"left","ids":[1,null]}"#, "no numbers \"ids\""),
        ("event", r#"{"type":"joined","id":9,"name":"a\u202eb"}"#, "nobody can see"),
        ("event", &long_text.to_string(), "a text of 1001 bytes"),
        ("event", &long, "has 2097152 bytes, more than"),
        ("other", "thing", "it has no \"event\""),
    ] {
        engine.send::<String>(&["XADD", "chat:events", "*", name, value]);
        for server in [&one, &two] {
            let line = server.line("is not ours: ");
            assert!(line.contains(why), "{why:?} is missing in {line}");
        }
    }
    // Events that cannot be change nothing.
    for event in [r#"{"type":"left","ids":[77]}"#, r#"{"type":"renamed","id":77,"name":"Eve"}"#] {
        engine.send::<String>(&["XADD", "chat:events", "*", "event", event]);
    }
    engine.send::<u64>(&["HSET", "chat:names", "x", "y", "5", "a\u{202e}b"]);
    engine.send::<String>(&["XADD", "chat:history", "*", "event", "nonsense"]);
    ann.type_line("all is well");
    for user in [&ann, &bob] {
        assert_eq!(user.next_texts(1), ["all is well"]);
    }
    // A server that starts now skips them, too.
    let three = engine.serve("chat", &[]);
    let cy = User::come(&three);
    assert_eq!(cy.listed(), [ann.id, bob.id, cy.id]);
    assert_eq!(cy.history(), ["all is well"]);
}

/// A key of ours that somebody has made into something else.
#[test]
fn a_key_of_the_wrong_type_is_told_and_harms_no_connection() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &[]);
    let ann = User::come(&chat);
    engine.send::<()>(&["RENAME", "chat:where", "elsewhere"]);
    engine.send::<()>(&["SET", "chat:where", "nonsense"]);
    ann.type_line("hello?");
    assert_eq!(ann.next_is("error")["text"], "The chat is interrupted. Please try again later.");
    chat.line("WRONGTYPE");
    engine.send::<()>(&["RENAME", "elsewhere", "chat:where"]);
    ann.type_line("hello!");
    assert_eq!(ann.next_texts(1), ["hello!"]);
}

#[test]
fn foreign_orders_are_told_and_skipped() {
    let engine = Engine::start();
    let push = engine.serve("push", &[]);
    let client = push.client("/async");
    client.text();
    let long = "x".repeat(2 << 20);
    let order = |order: &str, id: &str, data: &str| {
        let words = ["XADD", "push:to:1", "*", "order", order, "id", id, "data", data];
        engine.send::<String>(&[&words[..], &["token", "none"]].concat());
    };
    for (name, id, data, why) in [
        ("explode", "1", "", "there is no order \"explode\""),
        ("send", "one", "x", "the id is no number"),
        ("send", "-1", "x", "the id is no number"),
        ("send", "1", &long, "has 2097152 bytes, more than"),
        (&long, "1", "", "has 2097152 bytes, more than"),
    ] {
        order(name, id, data);
        let line = push.line("is not ours: ");
        assert!(line.contains(why), "{why:?} is missing in {line}");
    }
    engine.send::<String>(&["XADD", "push:to:1", "*", "x", "y"]);
    push.line("it has no \"order\"");
    order("send", "1", "a good one");
    assert_eq!(client.text(), "a good one");

    engine.send::<String>(&["XADD", "push:from:1", "*", "odd", "thing"]);
    let read = ["--bus", &engine.url(), "--command", "read 1"];
    let output = command("push").args(read).stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.trim_end(), "the bus has a foreign entry for 1: odd");

    engine.send::<()>(&["DEL", "push:from:1"]);
    let script = r"redis.call('XADD', 'push:from:1', '*', 'text', '\255')";
    engine.send::<()>(&["EVAL", script, "0"]);
    let output = command("push").args(read).stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.trim_end(), "the bus has a foreign entry for 1: a text that is not UTF-8");
}

/// A reader waits, and so does what was sent: both go on.
#[test]
fn orders_and_readers_outlive_a_restart_of_the_engine() {
    let mut engine = Engine::start();
    let mut servers = [engine.serve("push", &[]), engine.serve("push", &["--timeout", "60"])];
    let client = servers[0].client("/async");
    client.text();
    servers[1].type_line("read 1");
    engine.kill();
    client.send("during");
    assert!(engine.restart());
    servers[1].line("1 says \"during\"");
    engine.kill();
    servers[1].type_line("1 hello");
    assert!(engine.restart());
    servers[1].line("sent to 1");
    assert_eq!(client.text(), "hello");
    servers[1].type_line("1 once");
    assert_eq!(client.text(), "once");
}

/// The call was made, and its caller cannot know.
#[test]
fn what_is_repeated_because_its_answer_was_lost_happens_once() {
    let engine = Engine::start();
    let way = Way::to(&engine);
    let (bus, url) = (way.url(), engine.url());
    let mut chat = Program::run(command("chat").args(["127.0.0.1:0", "--bus", &bus]));
    let other = Program::run(command("chat").args(["127.0.0.1:0", "--bus", &url]));
    let watcher = User::come(&other);
    way.lose("join");
    let ann = User::come(&chat);
    assert!(way.has_lost());
    way.lose("rename");
    ann.type_line("alias Ann");
    way.lose("say");
    ann.type_line("once");
    ann.type_line("and again");
    assert_eq!(watcher.next_is("joined")["id"], ann.id);
    for user in [&watcher, &ann] {
        assert_eq!(user.next_is("renamed")["name"], "Ann");
        assert_eq!(user.next_texts(2), ["once", "and again"]);
    }
    assert!(way.has_lost());
    way.lose("announce");
    chat.type_line("say from the server");
    chat.line("said");
    assert!(way.has_lost());
    assert_eq!(watcher.next_texts(1), ["from the server"]);
    way.lose("leave");
    ann.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(watcher.next_is("left")["id"], ann.id);
    let newcomer = User::come(&chat);
    assert!(way.has_lost());
    assert_eq!(watcher.next_is("joined")["id"], newcomer.id);
    assert_eq!(newcomer.history(), ["once", "and again", "from the server"]);
}

#[cfg(unix)]
#[test]
fn orders_and_messages_that_are_repeated_happen_once() {
    let engine = Engine::start();
    let way = Way::to(&engine);
    let bus = way.url();
    let mut push = Program::run(command("push").args(["127.0.0.1:0", "--bus", &bus]));
    let client = push.client("/async");
    client.text();
    for command in ["new token", "order", "answer", "done"] {
        way.lose(command);
        push.type_line(&format!("1 {command}"));
        push.line("sent to 1");
        assert_eq!(client.text(), command);
    }
    way.lose("order all");
    push.type_line("all to all");
    push.line("sent to 1");
    assert_eq!(client.text(), "to all");
    // The second answer of a server is not taken for that of another.
    let other = engine.serve("push", &["--deadline", "60"]);
    signal(other.id(), "-STOP");
    way.lose("answer");
    push.type_line("all to all again");
    push.line("error: sent to 1, but 1 servers do not answer");
    assert_eq!(client.text(), "to all again");
    way.lose("hear");
    client.send("first");
    client.send("second");
    push.line("1 says \"second\"");
    for word in ["first", "second"] {
        way.lose("take");
        push.type_line("read 1");
        push.line(&format!("1 says {word:?}"));
        assert!(way.has_lost());
    }
    push.type_line("1 last");
    assert_eq!(client.text(), "last");
}

/// Each server follows the newest thousand events. It must not miss any because many leave at once.
#[test]
fn a_server_with_more_users_than_the_stream_has_events_dies_and_nobody_else_notices() {
    const USERS: u64 = 2_500;
    let engine = Engine::start();
    // A server that lives for ever, as far as the bus knows.
    let script = format!(
        "for id = 1, {USERS} do
           redis.call('HSET', 'chat:names', id, 'guest ' .. id)
           redis.call('HSET', 'chat:where', id, 1)
           redis.call('SADD', 'chat:at:1', id)
         end
         redis.call('MSET', 'chat:id', {USERS}, 'chat:instance', 1)
         redis.call('ZADD', 'chat:instances', 9e15, 1)
         redis.call('HSET', 'chat:steady', 1, 0)"
    );
    engine.send::<()>(&["EVAL", &script, "0"]);
    let chat = engine.serve("chat", &["--deadline", "1"]);
    let ann = User::come(&chat);
    assert_eq!(ann.listed().len() as u64, USERS + 1);
    engine.send::<()>(&["ZADD", "chat:instances", "1", "1"]);
    let mut left: Vec<u64> =
        (0..USERS).map(|_| ann.next_is("left")["id"].as_u64().unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, (1..=USERS).collect::<Vec<_>>());
    ann.type_line("still there?");
    assert_eq!(ann.next_texts(1), ["still there?"]);
    for key in ["chat:names", "chat:where"] {
        assert_eq!(engine.send::<u64>(&["HLEN", key]), 1, "{key}");
    }
}

/// Ids then begin anew. Those who had them before may still be on their way out.
#[test]
fn whoever_is_left_from_before_the_engine_forgot_everything_is_taken_for_nobody_else() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &[]);
    let mut mute = chat.mute("/chat");
    let bob = User::come(&chat);
    while User::come(&chat).id < 4 {} // so that there are enough ids
    engine.send::<()>(&["FLUSHALL"]);
    assert_eq!(bob.talker.end().code(), 1012);
    chat.line("it begins anew");
    chat.line("this is server");
    let users = [User::come(&chat), User::come(&chat)];
    users[0].next_is("joined");
    assert_eq!(users[0].id, 1);
    // {"line":"?"}, masked with zeros.
    mute.write_all(b"\x81\x8c\0\0\0\0{\"line\":\"?\"}").unwrap();
    drop(mute);
    chat.line("1 (guest 1) left: ");
    for user in &users {
        user.type_line("it is me");
        users.iter().for_each(|user| assert_eq!(user.next_texts(1), ["it is me"]));
    }
    assert_eq!(User::come(&chat).listed(), [1, 2, 3]);
}

#[test]
fn a_user_whom_the_bus_does_not_know_any_more_is_sent_away() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &[]);
    let (ann, bob) = (User::come(&chat), User::come(&chat));
    let left = format!(r#"{{"type":"left","ids":[{}]}}"#, ann.id);
    engine.send::<String>(&["XADD", "chat:events", "*", "event", &left]);
    let closed = ann.talker.end();
    assert_eq!((closed.code(), closed.reason()), (1012, "interrupted: please come back"));
    assert_eq!(bob.next_is("left")["id"], ann.id);
}

/// The server goes on for all others, and tries again.
#[test]
fn a_user_who_cannot_be_taken_out_holds_up_nobody() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &["--deadline", "2"]);
    let (ann, bob) = (User::come(&chat), User::come(&chat));
    ann.next_is("joined");
    ann.type_line("alias Ann");
    bob.next_is("renamed");
    engine.send::<()>(&["RENAME", "chat:looks", "elsewhere"]);
    engine.send::<()>(&["SET", "chat:looks", "nonsense"]);
    ann.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    for _ in 0..3 {
        chat.line("WRONGTYPE");
        bob.type_line("still here");
        assert_eq!(bob.next_texts(1), ["still here"]);
    }
    engine.send::<()>(&["RENAME", "elsewhere", "chat:looks"]);
    assert_eq!(bob.next_is("left")["id"], ann.id);
    bob.type_line("alias Ann");
    assert_eq!(bob.next_is("renamed")["name"], "Ann");
}

/// A server that cannot follow would send all its users away, because of one that says too much.
#[test]
fn more_than_servers_can_follow_is_refused() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &["--deadline", "60"]);
    let ann = User::come(&chat);
    // The last is told in the log.
    let script = r#"for number = 1, 1001 do
            local event = number <= 1000 and '{"type":"server"}' or 'nonsense'
            redis.call('XADD', 'chat:events', '*', 'event', event)
        end"#;
    let fill = || {
        engine.send::<()>(&["EVAL", script, "0"]);
        chat.line("is not ours");
        engine.send::<u64>(&["XTRIM", "chat:events", "MAXLEN", "1000"]);
    };
    // On a busy machine, these may be old when the next call comes.
    let is_refused = (0..20).any(|_| {
        fill();
        ann.type_line("hello?");
        let answer = ann.next();
        answer["text"] == "The chat is interrupted. Please try again later."
    });
    assert!(is_refused);
    let is_refused = (0..20).any(|_| {
        fill();
        let mut newcomer = chat.connect("/chat").unwrap();
        let welcome = newcomer.receive().unwrap();
        welcome.is_none() && newcomer.closed().unwrap().code() == 1013
    });
    assert!(is_refused);
    engine.send::<u64>(&["XTRIM", "chat:events", "MAXLEN", "900"]);
    let bob = User::come(&chat);
    bob.type_line("hello!");
    assert_eq!(bob.next_texts(1), ["hello!"]);
}

#[test]
fn who_cannot_be_told_so_many_users_is_told_that_and_where_it_can_be_is_told_all() {
    let engine = Engine::start();
    let script = r#"for id = 1, 50000 do
            redis.call('HSET', 'chat:names', id, 'guest ' .. id)
        end
        redis.call('SET', 'chat:id', 50000)"#;
    engine.send::<()>(&["EVAL", script, "0"]);
    let small = engine.serve("chat", &[]);
    let newcomer = small.client("/chat").end();
    assert_eq!((newcomer.code(), newcomer.reason()), (1013, "too many users to list"));
    let large = engine.serve("chat", &["--connections", "50100"]);
    let ann = User::come(&large);
    assert_eq!(ann.listed().len(), 50_001);
}

/// All times on the bus are then in the future.
#[test]
fn a_server_that_dies_after_the_clock_of_the_engine_was_set_back_is_noticed_in_time() {
    let engine = Engine::start();
    let options = ["--deadline", "2"];
    let (one, two) = (engine.serve("chat", &options), engine.serve("chat", &options));
    let (ann, bob) = (User::come(&one), User::come(&two));
    let script = "for instance = 1, 2 do
        redis.call('ZINCRBY', 'chat:instances', 3600000, instance)
        redis.call('HINCRBY', 'chat:steady', instance, 3600000)
    end";
    engine.send::<()>(&["EVAL", script, "0"]);
    drop(two); // killed
    ann.next_is("joined");
    assert_eq!(ann.next_is("left")["id"], bob.id);
    ann.type_line("still there");
    assert_eq!(ann.next_texts(1), ["still there"]);
}

/// A script of somebody else's, for instance.
#[test]
fn an_engine_that_is_busy_is_waited_for() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &["--deadline", "60"]);
    let ann = User::come(&chat);
    engine.send::<()>(&["CONFIG", "SET", "lua-time-limit", "1"]);
    thread::scope(|scope| {
        scope.spawn(|| engine.try_send::<()>(&["EVAL", "while true do end", "0"]).unwrap_err());
        let is_busy = |error: redis::RedisError| error.code() == Some("BUSY");
        while !engine.try_send::<()>(&["PING"]).is_err_and(is_busy) {}
        ann.type_line("patience");
        // Its call gets there meanwhile.
        (0..50).for_each(|_| drop(engine.try_send::<()>(&["PING"])));
        engine.send::<()>(&["SCRIPT", "KILL"]);
    });
    assert_eq!(ann.next_texts(1), ["patience"]);
}

#[test]
fn a_full_engine_is_told_and_harms_no_connection() {
    let engine = Engine::start();
    let chat = engine.serve("chat", &["--deadline", "1"]);
    let (ann, bob) = (User::come(&chat), User::come(&chat));
    ann.next_is("joined");
    engine.send::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    ann.type_line("hello?");
    assert_eq!(ann.next_is("error")["text"], "The chat is interrupted. Please try again later.");
    chat.line("OOM");
    bob.talker.writer.close(CloseCode::GOING_AWAY, "").unwrap();
    engine.send::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(ann.next_is("left")["id"], bob.id);
    ann.type_line("hello!");
    assert_eq!(ann.next_texts(1), ["hello!"]);
}
