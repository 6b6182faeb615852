//! Which hosts a server takes for its own.

#[path = "../../examples/shared/hosts.rs"]
mod hosts;
use hosts::{Host, Hosts};

#[track_caller]
fn at(address: &str, allowed: &[&str]) -> Hosts {
    let allowed = allowed.iter().map(|host| Host::parse(host).unwrap()).collect();
    Hosts::new(address.parse().unwrap(), allowed)
}

#[test]
fn who_listens_on_loopback_is_localhost_and_every_loopback_address() {
    for address in ["127.0.0.1", "::1"] {
        let hosts = at(address, &[]);
        for own in [
            "127.0.0.1:9002",
            "127.0.0.1",
            "127.1.2.3:80",
            "localhost:9002",
            "LocalHost",
            "localhost.:9002",
            "[::1]:9002",
            "[::1]",
            "[0:0:0:0:0:0:0:1]:1",
            "[::ffff:127.0.0.1]:9002",
        ] {
            assert!(hosts.contain(own), "{own}");
        }
        for foreign in [
            "evil.example:9002",
            "evil.example",
            "localhost.evil.example:9002",
            "evil.localhost:9002",
            "127.0.0.1.evil.example",
            "192.168.1.2:9002",
            "0.0.0.0:9002",
            "[::]:9002",
            "[::2]:9002",
            "",
            ":9002",
            "localhost:9002:9002",
            "127.1:9002",
        ] {
            assert!(!hosts.contain(foreign), "{foreign}");
        }
    }
}

#[test]
fn who_listens_at_one_address_is_that_address() {
    let hosts = at("192.168.1.2", &[]);
    assert!(hosts.contain("192.168.1.2:9002") && hosts.contain("192.168.1.2"));
    for foreign in ["localhost:9002", "127.0.0.1:9002", "192.168.1.3:9002", "box.example:9002"] {
        assert!(!hosts.contain(foreign), "{foreign}");
    }
}

/// An address cannot be made to lead elsewhere, only a name.
#[test]
fn who_listens_at_all_addresses_is_every_address_and_localhost_but_no_other_name() {
    for address in ["0.0.0.0", "::"] {
        let hosts = at(address, &[]);
        for own in ["127.0.0.1:9002", "localhost:9002", "192.168.1.2:9002", "[2001:db8::1]"] {
            assert!(hosts.contain(own), "{own}");
        }
        assert!(!hosts.contain("evil.example:9002"));
    }
}

#[test]
fn other_hosts_can_be_allowed() {
    let hosts = at("127.0.0.1", &["Chat.Example", "198.51.100.7", "[2001:db8::1]", "::2"]);
    for own in [
        "chat.example",
        "CHAT.example:443",
        "chat.example.",
        "198.51.100.7:80",
        "[2001:DB8::1]",
        "[::2]:9002",
        "localhost",
    ] {
        assert!(hosts.contain(own), "{own}");
    }
    for foreign in ["example", "my.chat.example", "chat.example.evil.example", "198.51.100.8"] {
        assert!(!hosts.contain(foreign), "{foreign}");
    }
    for none in ["", ".", "a b", "chat.example:443", "http://chat.example", "[chat.example]", "*"] {
        assert_eq!(Host::parse(none), None, "{none}");
    }
}
