#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The same sources through an ELF and a PE compiler: nothing may differ.

usage: compare.py ROOT CC... -- [MINGW-CC]

Compares the size of every structure and the offset and size of every member
of the public headers and of the passage, the offsets generated for the
assembler, and the code bytes of the switch.  Exit status 77 (skipped) without
a MinGW compiler.
"""
import os
import re
import subprocess
import sys
import tempfile

HEADERS = ("cvm/abi.h", "cvm/uapi.h", "cvm/host.h", "cvm/libcvm.h",
           "cvm/boot.h", "x86/passage.h", "internal.h")
FLAGS = ["-std=gnu11", "-O1", "-ffreestanding", "-fno-lto",
         "-mgeneral-regs-only", "-mno-red-zone"]


def run(cmd, **more):
    done = subprocess.run(cmd, stdout=subprocess.PIPE, text=True, **more)
    if done.returncode:
        sys.exit("compare.py: failed: " + " ".join(cmd))
    return done.stdout


class Compiler:
    def __init__(self, root, cc, work):
        self.cc, self.work, self.root = cc, work, root
        self.flags = FLAGS + ["-I" + os.path.join(root, "include"),
                              "-I" + os.path.join(root, "libcvm")]

    def call(self, *args):
        return run(self.cc + self.flags + list(args))

    def path(self, name):
        return os.path.join(self.work, name)

    def numbers(self, source, out):
        """The `->name value` lines a source leaves in its assembly text."""
        self.call("-S", "-o", self.path(out), source)
        with open(self.path(out), encoding="utf-8") as f:
            found = re.findall(r'\.ascii\s+"->(.*?)"', f.read())
        if not found:
            sys.exit("compare.py: %s is empty" % out)
        return [line.replace("$", "") for line in found]

    def code(self, name):
        """The bytes of the passage's section in switch.S."""
        obj = self.path(name + ".o")
        self.call("-I" + self.work, "-c", "-o", obj,
                  os.path.join(self.root, "libcvm/x86/switch.S"))
        target = ["-I", "pe-x86-64"] if name == "pe" else []
        binary = self.path(name + ".bin")
        objcopy = run(self.cc + ["-print-prog-name=objcopy"]).strip()
        run([objcopy] + target + ["-O", "binary", "-j", ".text.cvm_passage",
                                  obj, binary])
        with open(binary, "rb") as f:
            return f.read()


def members(text):
    """(structure, member) of every named structure in preprocessed C;
    member is None for the structure itself."""
    for m in re.finditer(r"\bstruct (\w+)\s*\{(.*?)\n?\}", text, re.S):
        struct, body = m.groups()
        yield struct, None
        if "{" in body:
            sys.exit("compare.py: struct %s is nested" % struct)
        for decl in body.split(";"):
            decl = re.sub(r"^#.*$", "", decl, flags=re.M).strip()
            if not decl:
                continue
            pointer = re.search(r"\(\*(\w+)\)\s*\(", decl)
            if pointer:
                yield struct, pointer.group(1)
                continue
            for part in decl.split(","):
                yield struct, re.findall(r"\w+", part.split("[")[0])[-1]


def layout_source(compiler):
    """A C file that states every size and offset."""
    head = "".join('#include "%s"\n' % h if "/" not in h or
                   h.startswith("x86") else "#include <%s>\n" % h
                   for h in HEADERS)
    probe = compiler.path("probe.c")
    with open(probe, "w", encoding="utf-8") as f:
        f.write(head)
    text = compiler.call("-E", "-P", probe)
    lines = []
    for struct, member in members(text):
        if not struct.startswith("cvm_"):
            continue
        if member is None:
            lines.append('P("%s", sizeof(struct %s));' % (struct, struct))
        else:
            args = {"s": struct, "m": member}
            lines.append('P("%(s)s.%(m)s", offsetof(struct %(s)s, %(m)s));'
                         % args)
            lines.append('P("%(s)s.%(m)s.size", '
                         'sizeof(((struct %(s)s *)0)->%(m)s));' % args)
    path = compiler.path("layout.c")
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + '#define P(name, n) __asm__ volatile('
                '"\\n.ascii \\"->" name " %0\\"" : : "i"(n))\n'
                "void layout(void);\nvoid layout(void)\n{\n" +
                "\n".join(lines) + "\n}\n")
    return path


def compare(what, a, b):
    if a == b:
        print("%s: %d equal" % (what, len(a)))
        return 0
    print("%s: ELF and PE differ" % what)
    for x, y in zip(a, b):
        if x != y:
            print("  ELF %s, PE %s" % (x, y))
    return 1


def main():
    root = os.path.abspath(sys.argv[1])
    at = sys.argv.index("--")
    elf_cc, pe_cc = sys.argv[2:at], [c for c in sys.argv[at + 1:] if c]
    if not pe_cc:
        print("no MinGW compiler")
        return 77
    with tempfile.TemporaryDirectory() as work:
        elf = Compiler(root, elf_cc, work)
        pe = Compiler(root, pe_cc, work)
        source = layout_source(elf)
        bad = compare("layout", elf.numbers(source, "elf.s"),
                      pe.numbers(source, "pe.s"))
        offsets = os.path.join(root, "libcvm/x86/offsets.c")
        bad |= compare("offsets", elf.numbers(offsets, "elf-off.s"),
                       pe.numbers(offsets, "pe-off.s"))
        run([os.path.join(root, "tools/gen-offsets"),
             elf.path("elf-off.s"), elf.path("cvm-offsets.h")])
        a, b = elf.code("elf"), pe.code("pe")
        # PE pads a section at its end.
        bad |= compare("code bytes", a, b[:len(a)])
        if set(b[len(a):]) - {0x00, 0x90, 0xcc}:
            print("code bytes: PE has more than padding")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
