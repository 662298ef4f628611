#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""cvmctl.exe imports what tools/os/nt/imports.txt lists, all of it and nothing else.

usage: check_imports.py CVMCTL.EXE IMPORTS OBJDUMP
"""
import re
import subprocess
import sys


def imports(objdump, program):
    text = subprocess.run([objdump, "-p", program], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    library = None
    for line in text.splitlines():
        m = re.match(r"\s+DLL Name: (\S+)", line)
        if m:
            library = m.group(1).lower()
        m = re.match(r"\s+[0-9a-f]+\s+\d+\s+(\w+)$", line)
        if m and library:
            yield "%s %s" % (library, m.group(1))


def main():
    program, listed, objdump = sys.argv[1:]
    with open(listed, encoding="utf-8") as f:
        known = {line.strip() for line in f
                 if line.strip() and not line.startswith("#")}
    found = set(imports(objdump, program))
    for what in sorted(found - known):
        print("%s: imports %s, which is not in the list" % (program, what))
    for what in sorted(known - found):
        print("%s: %s is listed and not imported" % (program, what))
    print("%d imports, %d listed" % (len(found), len(known)))
    return found != known or not found


if __name__ == "__main__":
    sys.exit(main())
