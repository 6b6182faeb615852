//! The choice of cases, which `list` shows.

use hybi_conform::{Group, Role, Size, cases};

use crate::servers::blocking_echo;
use crate::{conform, told};

/// Returns the ids that `list` prints.
#[track_caller]
fn listed(arguments: &[&str]) -> Vec<String> {
    let (status, text) = told(&conform(&[&["list"], arguments].concat()));
    assert_eq!(status, Some(0), "{text}");
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn cases_can_be_left_out() {
    let all = listed(&["--only", "autobahn"]);
    let some = listed(&["--only", "autobahn", "--except", "9.*", "--except", "1.1.1"]);
    assert_eq!(all.len(), 517);
    // Category 9 has 54 cases.
    assert_eq!(some.len(), 517 - 54 - 1);
    assert!(!some.iter().any(|id| id == "1.1.1" || id.starts_with("9.")));
    assert_eq!(listed(&["6.4.*", "--except", "6.4.2"]), ["6.4.1", "6.4.3", "6.4.4"]);
    // Those that would not have run anyway.
    assert_eq!(listed(&["7.1.1", "--except", "hostile/*"]), ["7.1.1"]);
}

#[test]
fn a_wrong_choice_is_an_error() {
    for (arguments, words) in [
        (&["--except", "8.1"][..], "no case \"8.1\""),
        (&["1.1.1", "--except", "1.*"], "no case is left"),
        (&["--role", "client", "--only", "hostile"], "no case is left"),
    ] {
        let (status, text) = told(&conform(&[&["list"], arguments].concat()));
        assert!(status == Some(2) && text.contains(words), "{text}");
    }
}

/// A case that is not among those asked for is somewhere else.
#[test]
fn a_wrong_choice_is_told_where_the_case_is() {
    let server = ["server", "ws://127.0.0.1:1/"];
    for (command, arguments, words) in [
        (&server[..], &["7.1.5", "--only", "handshake"][..], "it is in the group autobahn"),
        (&server, &["client/*"], "it is for clients"),
        (&["client"], &["server/host/twice"], "it is for servers"),
        (&server, &["handshake"], "did you mean --only handshake?"),
        (&server, &["7"], "did you mean \"7.*\"?"),
        (&server, &["server/host"], "did you mean \"server/host/*\"?"),
        (&["list"], &["nosuch"], "`hybi-conform list`, without arguments, has them all"),
    ] {
        let (status, text) = told(&conform(&[command, arguments].concat()));
        assert!(status == Some(2) && text.contains(words), "{arguments:?}: {text}");
    }
}

#[test]
fn what_is_left_out_does_not_run() {
    let url = blocking_echo();
    let (status, text) = told(&conform(&["server", &url, "1.1.*", "--except", "1.1.8"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains(": 7 cases in"), "{text}");
}

/// The README has a table of the groups, and the number of cases in each.
#[test]
fn the_readme_counts_right() {
    let readme = include_str!("../../README.md");
    for group in Group::ALL {
        let of_role = |role| cases(*group, Size::Reduced).filter(|case| case.tests(role)).count();
        let (servers, clients) = (of_role(Role::Server), of_role(Role::Client));
        let all = cases(*group, Size::Reduced).count();
        let count = match (*group, clients) {
            (Group::Closing, _) => format!("{servers} for each role"),
            (_, 0) => format!("{servers}, for a server"),
            _ => all.to_string(),
        };
        let row = format!("| `{group}` | {count} | ");
        assert!(readme.contains(&row), "{row}");
    }
    let text = "517 cases of the Autobahn testsuite, 299\nopening handshakes (193 for servers, 106 \
                for clients)";
    assert!(readme.contains(text));
    let [servers, clients] = Role::BOTH
        .map(|role| cases(Group::Handshake, Size::Reduced).filter(|case| case.tests(role)).count());
    assert_eq!((servers, clients), (193, 106));
}
