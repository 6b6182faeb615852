"""Writes docs/evidence/scoreboard.md from what run.sh has collected.

    python3 table.py target/scoreboard/results target/release/hybi-conform
"""

import json
import pathlib
import re
import subprocess
import sys
import textwrap

VERDICTS = ["OK", "INFORMATIONAL", "UNIMPLEMENTED", "NON-STRICT", "FAILED"]
# The groups of each table, and their titles. Hostile cases are not published: some would tell an
# attacker where to look.
TABLES = [
    {"autobahn": "the Autobahn cases", "handshake": "opening handshakes"},
    {"closing": "closing", "utf8-early": "early refusal of invalid text"},
]

HEAD = """\
# The scoreboard

{count} implementations in {languages} languages, tested with `hybi-conform` on {days}:
{servers} servers and {clients} clients. {http2} more are servers over HTTP/2. This command repeats
it. It installs what it can, and says what it skipped; {skipped}

```sh
interop/scoreboard/run.sh
```

Each implementation is run by a small program in `interop/scoreboard/`: a server that sends every
message back, or a client that does so and asks for case after case, as Autobahn's clients do. They
have default settings, but for three: a limit of at least 32 MiB for a message where there is one,
permessage-deflate where the implementation has it, and no keep-alive pings. The versions are those
of the package registries, and for C, C++, Go, Java, Perl and Ruby those of Debian {debian}, which
are older.

These are verdicts of the tolerant reading, as [conformance.md](../conformance.md) explains. The
Autobahn cases have their default, smaller sizes. What the verdicts mean:

| verdict | meaning |
|---|---|
| `OK` | as expected |
| `INFORMATIONAL` | the RFC leaves it open |
| `UNIMPLEMENTED` | permessage-deflate, or one of its parameters, was not negotiated; or a message exceeds a limit |
| `NON-STRICT` | allowed, but late or against a SHOULD |
| `FAILED` | a rule was broken |

Read the figures with care:

- Most programs leave the opening handshake of a server to an HTTP stack: Node's, Go's `net/http`,
  hyper, Jetty, puma. What it does with a request is then its decision, and the WebSocket library
  never sees the request.
- In the clients of browsers and of HTTP libraries, the HTTP stack reads the response.
- A FAILED case says that a rule of an RFC was not kept, not that harm follows from it. Many
  implementations accept more than the RFCs allow on purpose.
- Where a library leaves a decision to its user, the program beside it decides.
- In the cases about early refusal, `INFORMATIONAL` says that an invalid text was refused, but later
  than at the byte that is invalid. RFC 6455 leaves that open.
- Hostile cases run only with `run.sh --hostile`. Where they fail, that is for the authors to know,
  and not for this page.
- The machine had other work, and some verdicts depend on how bytes are split into reads, or on how
  soon a socket is closed. From run to run, up to ten of a hundred verdicts differed, for most
  implementations none.
"""

HTTP2 = """
## Servers over HTTP/2

The group `http2`: WebSocket over a stream of HTTP/2 (RFC 8441), without TLS. It is for few, and has
a table of its own. nghttpx and HAProxy stand in front of Python's websockets over HTTP/1.1. Node
leaves the request to its user: the program beside it reads the request, and ws reads the frames.
hybi-tokio's server passes all of them, as [conformance.md](../conformance.md#the-command) says.
"""


def load(results):
    runs = {}
    for about in sorted(results.glob("*/about")):
        name, version, language, role, day = about.read_text().splitlines()
        found = about.parent / "report" / "results.json"
        if found.exists():
            (cases,) = json.loads(found.read_text()).values()
            # Groups that were run apart.
            before = runs[name, role][5] if (name, role) in runs else {}
            runs[name, role] = (name, version, language, role, day, before | cases)
    return list(runs.values())


def verdict(case):
    both = [case["behavior"], case["behaviorClose"]]
    return max(both, key=VERDICTS.index)


def counts(cases, group):
    found = [verdict(case) for case in cases.values() if case["group"] == group]
    return [found.count(name) for name in VERDICTS]


def key(case):
    """Sorts 6.10 after 6.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", case)]


def short(cases):
    """13.1.1, 13.1.2, 13.1.3 become 13.1.1–3."""
    runs = []
    for case in sorted(cases, key=key):
        head, _, last = case.rpartition(".")
        if runs and head and runs[-1][0] == head and runs[-1][2] == int(last) - 1:
            runs[-1][2] = int(last)
        elif head and last.isdigit():
            runs.append([head, int(last), int(last)])
        else:
            runs.append([case])
    told = []
    for run in runs:
        end = "" if len(run) == 1 or run[1] == run[2] else f"–{run[2]}"
        told.append(run[0] if len(run) == 1 else f"{run[0]}.{run[1]}{end}")
    return ", ".join(told)


def tables(runs, role):
    seen = {case["group"] for run in runs if run[3] == role for case in run[5].values()}
    for names in TABLES:
        titles = {group: title for group, title in names.items() if group in seen}
        if titles:
            print()
            table(runs, role, titles)


def table(runs, role, groups, told=None):
    titles = [f"{title}: OK" for title in groups.values()]
    columns = "".join(f" {title} | INF. | UNIMPL. | NON-STR. | FAILED |" for title in titles)
    print(f"| {told or role} | version | language |{columns}")
    print("|---|---|---|" + "--:|" * 5 * len(groups))
    for name, version, language, _, _, cases in (run for run in runs if run[3] == role):
        cells = [str(count or "–") for group in groups for count in counts(cases, group)]
        print(f"| {name} | {version} | {language} | {' | '.join(cells)} |")


def is_named(case):
    """The others are only counted: some would tell an attacker where to look."""
    return re.match(r"\d", case) and not case.startswith(("12.", "13."))


def by_case(runs):
    """Counts verdicts by case, where implementations differ for reasons of their own."""
    counted = {}
    for run in runs:
        for case, found in run[5].items():
            if found["group"] in ("closing", "utf8-early"):
                counted.setdefault(case, []).append(verdict(found))
    if not counted:
        return
    print("\n## Closing and early refusal, by case\n")
    print("How many servers and clients came out how. `hybi-conform list --details` tells what is\n"
          "sent.\n")
    print("| case | OK | INF. | UNIMPL. | NON-STR. | FAILED |\n|---|" + "--:|" * 5)
    for case in sorted(counted, key=key):
        cells = [str(counted[case].count(name) or "–") for name in VERDICTS]
        print(f"| {case} | {' | '.join(cells)} |")


def failures(runs, sections):
    for name, version, _, role, _, cases in runs:
        by_section = {}
        for case, found in cases.items():
            if verdict(found) == "FAILED" and is_named(case):
                by_section.setdefault(sections[case], []).append(case)
        if not by_section:
            print(f"- **{name} {version}, {role}**: none")
            continue
        print(f"- **{name} {version}, {role}**:")
        for section in sorted(by_section, key=key):
            # The names of handshakes begin with the role.
            told = short(case.removeprefix(f"{role}/") for case in by_section[section])
            print(textwrap.fill(f"  - {section}: {told}", 100, subsequent_indent="    ",
                                break_long_words=False, break_on_hyphens=False))


def main():
    results, command = pathlib.Path(sys.argv[1]), sys.argv[2]
    runs = load(results)
    listed = subprocess.run([command, "list"], capture_output=True, text=True, check=True).stdout
    sections = {}
    for line in listed.splitlines():
        case, section = re.match(r"(\S+) +\S+ +(RFC \d+ \S+)", line).groups()
        sections[case] = section
    skipped = (results / "skipped").read_text().splitlines()
    told = "\n".join(f"- {line}" for line in skipped)
    languages = {re.sub(r" .*", "", run[2]) for run in runs}
    by_role = [sum(run[3] == role for run in runs) for role in ("server", "client", "http2")]
    print(HEAD.format(
        count=len({run[0] for run in runs if run[3] != "http2"}), languages=len(languages),
        days=", ".join(sorted({run[4] for run in runs})), servers=by_role[0], clients=by_role[1],
        http2=by_role[2],
        debian=pathlib.Path("/etc/debian_version").read_text().strip(),
        skipped=f"this time:\n\n{told}" if skipped else "this time, it skipped nothing.",
    ))
    print("## Servers")
    tables(runs, "server")
    print("\n## Clients")
    tables(runs, "client")
    if by_role[2]:
        print(HTTP2)
        table(runs, "http2", {"http2": "HTTP/2"}, "server")
    by_case(runs)
    print("\n## The cases that failed\n")
    print("By the section that decides: those of Autobahn but for compression. The others are\n"
          "counted above and not named. `hybi-conform list --details` tells what is sent.\n")
    # Those over HTTP/2 are all of the kind that is not named.
    failures([run for run in runs if run[3] != "http2"], sections)


main()
