"""Compares the verdicts of the real Autobahn testsuite with those of hybi-conform, case by case.

    python3 agree.py AUTOBAHN/index.json CONFORM/index.json

Each has one implementation. Prints how many cases agree, and the differences in groups: both
verdicts, and the cases. FAILED, WRONG CODE, UNCLEAN and FAILED BY CLIENT of the original are
verdicts about the close; hybi-conform has one name for them, FAILED.
"""

import json
import sys

ORDER = ["OK", "INFORMATIONAL", "UNIMPLEMENTED", "NON-STRICT", "FAILED"]


def load(path):
    with open(path, encoding="utf-8") as file:
        (cases,) = json.load(file).values()
    return {case: verdict(found) for case, found in cases.items()}


def verdict(found):
    """The worse of the two verdicts on a case."""
    names = [found["behavior"], found["behaviorClose"]]
    if names[0] == "UNIMPLEMENTED":
        return names[0]
    return max((name if name in ORDER else "FAILED" for name in names), key=ORDER.index)


def main():
    theirs, ours = (load(path) for path in sys.argv[1:])
    both = [case for case in theirs if case in ours]
    groups = {}
    for case in both:
        if theirs[case] != ours[case]:
            groups.setdefault((theirs[case], ours[case]), []).append(case)
    different = sum(map(len, groups.values()))
    print(f"{len(both)} cases, {len(both) - different} agree, {different} differ")
    for (original, found), cases in groups.items():
        cases.sort(key=lambda case: [int(part) for part in case.split(".")])
        print(f"  Autobahn {original}, hybi-conform {found}: {' '.join(cases)}")


main()
