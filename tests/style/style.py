#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Habits of the tree that a compiler does not check.

usage: style.py ROOT CHECK

  includes   libcvm and include/cvm see fixed-width types and each other only,
             and know no host, compiler or kernel version
  comments   every prototype and structure member in include/cvm has a comment
  lengths    functions <= 60 lines, C files <= 800, assembler files <= 300,
             lines <= 80 columns
  texts      every file has an SPDX line and no unfinished business
  docs       every member of the host API and every field of the shared page
             is in its document; links between documents lead somewhere
  names      cvm_ begins names of the core and of the contracts, its shims add
             a word of their own; functions of one file have no prefix; no
             word that the glossary of docs/architecture.md has replaced
"""
import os
import re
import sys

TOP_DIRS = ("include", "libcvm", "hosts", "guest-patch", "tools", "tests",
            "docs", ".ci")
MAX_FUNCTION = 60
MAX_FILE = 800
MAX_ASM = 300
# Reviewed exceptions: file -> limit.  The switch is one proof, with a comment
# at every step; it is read from end to end.
LONGER = {"libcvm/x86/switch.S": 600}
MAX_COLUMNS = 80


def files(root, *tops):
    """Paths relative to root of all files below the given directories."""
    for top in tops:
        for where, dirs, names in os.walk(os.path.join(root, top)):
            dirs[:] = sorted(d for d in dirs if d not in
                             ("__pycache__", ".git") and
                             not d.startswith("build"))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(where, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8",
              errors="replace") as f:
        return f.read()


def is_c(path):
    return path.endswith((".c", ".h", ".S", ".def"))


# ---- includes -----------------------------------------------------------

HOST_WORDS = re.compile(r"\b(_WIN32|_WIN64|WIN32|__linux__|__MINGW\w*|"
                        r"_MSC_VER|LINUX_VERSION_CODE|KERNEL_VERSION|"
                        r"__KERNEL__)\b")
SYSTEM = {"stdint.h", "stddef.h"}


def check_includes(root):
    for path in files(root, "libcvm", "include"):
        if not is_c(path):
            continue
        here = os.path.dirname(path)
        for n, line in enumerate(read(root, path).split("\n"), 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if m:
                what = m.group(2)
                if m.group(1) == "<":
                    ok = (what in SYSTEM or what == "cvm-offsets.h" or
                          re.match(r"cvm/\w+\.(h|def)$", what))
                elif path.startswith("include"):
                    # A list beside it: guest kernels have another folder.
                    ok = what.endswith(".def") and os.path.exists(
                        os.path.join(root, here, what))
                else:
                    ok = what == "cvm-offsets.h" or any(
                        os.path.exists(os.path.join(root, d, what))
                        for d in (here, "libcvm"))
                if not ok:
                    yield path, n, "includes %s" % what
            if line.lstrip().startswith("#") and HOST_WORDS.search(line):
                yield path, n, "conditional on a host or compiler"


# ---- comments -----------------------------------------------------------

MEMBER = re.compile(r"^\t+[A-Za-z_][\w ]*[ *]+(\w+)(\[[^;]*\])?"
                    r"(, \w+)*;")
FUNC_MEMBER = re.compile(r"^\t[\w ]+\*?\(\*(\w+)\)\(")
PROTO = re.compile(r"^(?!typedef|static|struct \w+;|#|\}|extern \")"
                   r"[A-Za-z_][\w ]*[ *](\w+)\(")
UNNAMED = re.compile(r"^(pad|reserved)\w*$")


def check_comments(root):
    for path in files(root, "include"):
        covered = False     # a comment stands above, in this paragraph
        in_comment = False
        in_macro = False
        for n, line in enumerate(read(root, path).split("\n"), 1):
            if not line.strip():
                covered = False
                continue
            if in_macro or line.startswith("#"):
                in_macro = line.endswith("\\")
                continue
            stripped = line.strip()
            if in_comment or stripped.startswith("/*"):
                in_comment = "*/" not in line
                covered = True
                continue
            in_comment = "/*" in line and "*/" not in line
            name = None
            for form in (FUNC_MEMBER, MEMBER, PROTO):
                m = form.match(line)
                if m:
                    name = m.group(1)
                    break
            if not name or UNNAMED.match(name):
                continue
            if not covered and "/*" not in line:
                yield path, n, "%s has no comment" % name


# ---- lengths ------------------------------------------------------------

def functions(lines):
    """(first line, last line, name) of each function, in kernel style."""
    start = None
    for n, line in enumerate(lines):
        if line == "{":
            start = n
            while start and lines[start - 1].strip() and \
                    not lines[start - 1].endswith(("*/", ";")) and \
                    not lines[start - 1].startswith(("}", "#")):
                start -= 1
        elif line == "}" and start is not None:
            m = re.search(r"(\w+)\(", " ".join(lines[start:start + 3]))
            yield start, n, m.group(1) if m else "?"
            start = None


def check_lengths(root):
    for path in files(root, *TOP_DIRS):
        if not is_c(path):
            continue
        lines = read(root, path).rstrip("\n").split("\n")
        limit = LONGER.get(path, MAX_ASM if path.endswith(".S")
                           else MAX_FILE)
        if len(lines) > limit:
            yield path, len(lines), "file has more than %d lines" % limit
        for first, last, name in functions(lines):
            if last - first + 1 > MAX_FUNCTION:
                yield path, first + 1, "%s() has %d lines" % (
                    name, last - first + 1)
        for n, line in enumerate(lines, 1):
            # (A .def is a table with one row a line.)
            if len(line.expandtabs(8)) > MAX_COLUMNS and \
                    not path.endswith(".def"):
                yield path, n, "%d columns" % len(line.expandtabs(8))
            if line != line.rstrip():
                yield path, n, "blanks at the end"


# ---- texts --------------------------------------------------------------

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|for now|not implemented|"
                        r"not yet implemented)\b", re.I)
NO_SPDX = re.compile(r"(^LICENSE$|\.(config|json|txt|diff|patch)$|"
                     r"/(packages|series)$|\.gitignore$|/fuzz/corpus/)")


def check_texts(root):
    paths = list(files(root, *TOP_DIRS))
    paths += [f for f in sorted(os.listdir(root))
              if os.path.isfile(os.path.join(root, f)) and
              not f.startswith(".git")]
    for path in paths:
        if path == "LICENSE" or path == "tests/style/style.py":
            continue
        text = read(root, path)
        if "\0" in text:
            continue
        if not NO_SPDX.search(path) and \
                "SPDX-License-Identifier: GPL-2.0-only" not in text[:400]:
            yield path, 1, "no SPDX line"
        for n, line in enumerate(text.split("\n"), 1):
            m = UNFINISHED.search(line)
            # What a patch does not add is not ours.
            theirs = path.endswith(".patch") and not line.startswith("+")
            if m and not theirs:
                yield path, n, "says '%s'" % m.group(0)


# ---- docs ---------------------------------------------------------------

def struct_members(text, struct):
    """Names of a structure's members, function pointers included."""
    body = re.search(r"\nstruct %s \{\n(.*?)\n\};" % struct, text, re.S)
    body = re.sub(r"/\*.*?\*/", "", body.group(1), flags=re.S)
    names = []
    for decl in body.split(";"):
        m = re.search(r"\(\*(\w+)\)", decl) or \
            re.search(r"(\w+)\s*(\[[^]]*\]\s*)*$", decl.strip())
        if m and not UNNAMED.match(m.group(1)):
            names.append(m.group(1))
    return names


def check_docs(root):
    for header, struct, doc in (
            ("include/cvm/host.h", "cvm_host_ops", "docs/host-api.md"),
            ("include/cvm/host.h", "cvm_host_notifier_ops",
             "docs/host-api.md"),
            ("include/cvm/abi.h", "cvm_shared", "docs/guest-abi.md"),
            ("include/cvm/abi.h", "cvm_note_desc", "docs/guest-abi.md")):
        text = read(root, doc)
        for name in struct_members(read(root, header), struct):
            if name not in ("api", "size", "kind", "flags") and \
                    "`%s`" % name not in text:
                yield doc, 1, "%s.%s is missing" % (struct, name)
    for path in list(files(root, "docs")) + ["README.md", "CONTRIBUTING.md",
                                             "tests/README.md"]:
        here = os.path.dirname(os.path.join(root, path))
        for n, line in enumerate(read(root, path).split("\n"), 1):
            for link in re.findall(r"\]\(([^)#:]+)\)", line):
                if not os.path.exists(os.path.join(here, link)):
                    yield path, n, "%s does not exist" % link


# ---- names --------------------------------------------------------------

# Who may have names that begin with cvm_, and how they go on.
PREFIXES = (("include/", "cvm_"), ("libcvm/", "cvm_"),
            ("guest-patch/", "cvm_guest_"), ("hosts/linux-host/", "cvm_linux_"),
            ("hosts/nt/", "cvm_nt_"))
# The rows of cpu_state.def, of which cpu.h reads some: cvm_read_ROW().
ROW_READERS = ("libcvm/x86/state.c", "cvm_read_")
# The conformance suite is installed, and fake_cpu.c stands in for the core's.
STAND_IN = "tests/host/"
FUNCTION = re.compile(r"^(static\s+)?(?!static|typedef|return|else|#)"
                      r"[A-Za-z_][\w \t*]*?\b(cvm_\w+)\(")
# word -> the one we use.
WORDS = {r"\bminders?\b": "supervisor", r"\bCVM_LOCK_MANAGER\b": "monitor",
         r"\bCVM_OP_\w+": "CVM_HC_*", r"\bcvm_plat_\w+": "os_*",
         r"\bCVM_USER_EVENT_(UN)?BIND\b": "CVM_USER_NOTIFIER_*"}


def prefix_of(path):
    return next((prefix for where, prefix in PREFIXES
                 if path.startswith(where)), None)


def check_names(root):
    for path in files(root, *TOP_DIRS):
        if path == "tests/style/style.py" or "/corpus/" in path:
            continue
        lines = read(root, path).split("\n")
        for n, line in enumerate(lines, 1):
            for word, ours in WORDS.items():
                m = re.search(word, line)
                if m:
                    yield path, n, "says %s, not %s" % (m.group(), ours)
        if not path.endswith(".c") or path.startswith(STAND_IN):
            continue
        want = prefix_of(path)
        for first, _, _ in functions(lines):
            m = FUNCTION.match(lines[first])
            if m and m.group(1) and path == ROW_READERS[0] and \
                    m[2].startswith(ROW_READERS[1]):
                continue
            if m and m.group(1):
                yield path, first + 1, "%s() of one file has a prefix" % m[2]
            elif m and not (want and m[2].startswith(want)):
                yield path, first + 1, "%s() does not begin with %s" % (
                    m[2], want or "its room's word")


CHECKS = {"includes": check_includes, "comments": check_comments,
          "lengths": check_lengths, "texts": check_texts,
          "docs": check_docs, "names": check_names}


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in CHECKS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    bad = 0
    for path, n, what in CHECKS[sys.argv[2]](sys.argv[1]):
        print("%s:%d: %s" % (path, n, what))
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
