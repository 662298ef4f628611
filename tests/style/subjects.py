#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Are the subjects of commits what CONTRIBUTING.md asks for?

usage: subjects.py CHECKOUT

"area: imperative that says what changed": an area of CONTRIBUTING.md's list (or
several, "cvmctl, vmm"), a verb in its base form, at most 72 characters.  Looks
at what came after BASE; exit status 77 where its history is not there.
"""
import pathlib
import re
import subprocess
import sys

# Before it subjects were as their writers liked them.
BASE = "66e09104ecf21d07f6964a4a77d5500de5be6f36"
MAX_CHARACTERS = 72
SKIP = 77

# Words that begin a subject which says how things are, and not what was done.
NO_VERBS = set("""
a all also an and any as at be because but by can each every for from how if in
into is it its less many more most new no none not nothing now of off old on
once one only or other our out over some such than that the their them then
there these they this those to two under until up what when where which while
who why will with without
""".split())
# They end as other forms do.
BASE_FORMS = set("""
bring embed exceed feed heed need ping proceed ring seed shed speed spring
string succeed wring
""".split())
OTHER_FORM = re.compile(r"(ed|ing|[^s]s)$")


def git(root, *args):
    return subprocess.run(["git", "-C", root, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def areas(root):
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"\(areas:\s+([^)]*)\)", text)
    return set(re.split(r",\s+", found[1])) if found else sys.exit(
        "CONTRIBUTING.md names no areas")


def wrong(subject, known):
    """What is wrong with a subject, or None."""
    if len(subject) > MAX_CHARACTERS:
        return "%d characters, not %d" % (len(subject), MAX_CHARACTERS)
    area, colon, rest = subject.partition(": ")
    if not colon:
        return "no 'area: '"
    for name in area.split(", "):
        if name not in known:
            return "'%s' is no area of CONTRIBUTING.md's" % name
    if rest.endswith("."):
        return "a full stop at its end"
    verb = rest.split(" ")[0].rstrip(",:")
    if not re.fullmatch(r"[a-z]+(-[a-z]+)*", verb) or verb in NO_VERBS:
        return "'%s' is no verb: say what it does, 'add', 'refuse'" % verb
    if OTHER_FORM.search(verb) and verb not in BASE_FORMS:
        return "'%s' is not a verb's base form" % verb
    return None


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    if not (root / ".git").exists():
        print("not a checkout: there are no commits to look at")
        return SKIP
    try:
        based = git(root, "merge-base", "--is-ancestor", BASE, "HEAD")
    except FileNotFoundError:
        print("git is not installed")
        return SKIP
    if based.returncode:
        print("the history does not reach back to %.12s: %s" % (
            BASE, based.stderr.split("\n")[0] or "no ancestor of HEAD"))
        return SKIP
    log = git(root, "log", "--no-merges", "--format=%h %s", BASE + "..HEAD")
    if log.returncode:
        sys.exit("git log: " + log.stderr)
    known = areas(root)
    bad = 0
    for line in log.stdout.splitlines():
        commit, _, subject = line.partition(" ")
        why = wrong(subject, known)
        if why:
            print("%s %s\n    %s" % (commit, subject, why))
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
