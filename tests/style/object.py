#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What libcvm.a is made of, as a driver that links it sees it.

usage: object.py LIBCVM.A

  - nothing undefined but memcpy, memmove, memset, memcmp, and no name of its
    own without the cvm_ prefix
  - no vector or x87 register, no absolute 32-bit address, no jump table
    (they are NOTRACK jumps, which kernels with IBT do not allow)
  - the passage is one page, page aligned, without relocations (it runs at
    three addresses), and ENDBR64 stands wherever an indirect branch or an
    interrupt can lead
"""
import re
import subprocess
import sys
import tempfile

ALLOWED = {"memcpy", "memmove", "memset", "memcmp"}
SECTION = ".text.cvm_passage"
ENTRIES = ("cvm_x86_switch", "cvm_passage_guest", "cvm_passage_far",
           "cvm_passage_far_pat", "cvm_passage_boot")
GATES, GATE_BYTES = 32, 32
ENDBR64 = bytes.fromhex("f30f1efa")


def run(*cmd):
    return subprocess.run(cmd, stdout=subprocess.PIPE, check=True,
                          text=True).stdout


def check_symbols(lib):
    defined, wanted = set(), set()
    for line in run("nm", "-g", lib).split("\n"):
        m = re.match(r"[0-9a-f ]*\s(\w) (\w+)$", line)
        if m:
            (wanted if m.group(1) == "U" else defined).add(m.group(2))
    for name in sorted(wanted - defined - ALLOWED):
        yield "needs %s" % name
    for name in sorted(defined):
        if not name.startswith("cvm_"):
            yield "defines %s" % name


def check_code(lib):
    text = run("objdump", "-dr", "--no-show-raw-insn", lib)
    for what, form in (("vector or x87 register", r"%[xyz]mm|%st\b|%mm\d"),
                       ("jump table", r"\bnotrack\b"),
                       ("absolute address", r"R_X86_64_32S?\b")):
        m = re.search(r"^.*(?:%s).*$" % form, text, re.M)
        if m:
            yield "%s: %s" % (what, m.group(0).strip())


def switch_object(lib, work):
    for name in run("ar", "t", lib).split():
        if "switch" in name:
            run("ar", "x", "--output", work, lib, name)
            return "%s/%s" % (work, name)
    sys.exit("object.py: no switch in %s" % lib)


def check_passage(lib):
    with tempfile.TemporaryDirectory() as work:
        obj = switch_object(lib, work)
        head = run("objdump", "-h", "-j", SECTION, obj)
        m = re.search(r"%s\s+(\w+).*2\*\*(\d+)\s+(.*)" %
                      re.escape(SECTION), head)
        flags = re.search(r"%s.*\n\s*(.*)" % re.escape(SECTION), head)
        if int(m.group(1), 16) != 4096 or int(m.group(2)) != 12:
            yield "%s is not one aligned page" % SECTION
        if "READONLY" not in flags.group(1) or "CODE" not in flags.group(1):
            yield "%s is not read-only code" % SECTION
        if "RELOC" in flags.group(1):
            yield "%s has relocations" % SECTION
        binary = work + "/passage.bin"
        run("objcopy", "-O", "binary", "-j", SECTION, obj, binary)
        with open(binary, "rb") as f:
            code = f.read()
        places = {}
        for line in run("nm", obj).split("\n"):
            m = re.match(r"([0-9a-f]+) \w (cvm_\w+)$", line)
            if m:
                places[m.group(2)] = int(m.group(1), 16)
        want = [(name, places[name]) for name in ENTRIES]
        want += [("gate %d" % i, places["cvm_passage_gates"] + GATE_BYTES * i)
                 for i in range(GATES)]
        for name, at in want:
            if code[at:at + 4] != ENDBR64:
                yield "%s does not begin with ENDBR64" % name


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    bad = 0
    for check in (check_symbols, check_code, check_passage):
        for what in check(sys.argv[1]):
            print(what)
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
