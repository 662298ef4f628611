#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Is cvm.sys what an NT kernel, PatchGuard and a reader may expect?

usage: check_sys.py CVM.SYS IMPORTS.TXT OBJDUMP VERSION [ROOT...]

  image      native x64, NT 5.2 or later, relocatable, no time stamp, valid
             checksum, version resource, no path of the build machine (ROOT)
  sections   none writable and executable; the passage alone in its own
  imports    exactly those of IMPORTS.TXT, looked-up names too
  code       no SSE or x87 registers; descriptor tables and CR3 are loaded in
             the passage only
  unwind     sorted, inside the image, one exception handler
"""
import re
import struct
import subprocess
import sys

EXECUTE, WRITE, DISCARDABLE = 0x20000000, 0x80000000, 0x02000000
MACHINE_X64, PE32_PLUS, NATIVE = 0x8664, 0x20b, 1
IS_DLL, RELOCS_STRIPPED = 0x2000, 0x1
DYNAMIC_BASE, NX_COMPAT, HIGH_ENTROPY = 0x40, 0x100, 0x20
DIR_EXPORT, DIR_IMPORT, DIR_RESOURCE, DIR_EXCEPTION, DIR_RELOC = 0, 1, 2, 3, 5
PASSAGE = "PASSAGE"
# What changes whose world this is: nowhere but in the switch.
WORLD = ("lgdt", "lidt", "lldt", "ltr")

failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("not ok " + what)


class Section:
    def __init__(self, raw):
        (name, self.vsize, self.va, self.size, self.offset, _, _, _,
         self.flags) = struct.unpack("<8sIIIIIIII", raw)
        self.name = name.rstrip(b"\0").decode()

    def holds(self, rva):
        return self.va <= rva < self.va + max(self.vsize, self.size)


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.pe = self.u32(0x3c)
        self.opt = self.pe + 24
        count, size = self.u16(self.pe + 6), self.u16(self.pe + 20)
        at = self.opt + size
        self.sections = [Section(self.data[at + 40 * i:at + 40 * i + 40])
                         for i in range(count)]

    def u16(self, at):
        return struct.unpack_from("<H", self.data, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def u64(self, at):
        return struct.unpack_from("<Q", self.data, at)[0]

    def directory(self, n):
        return self.u32(self.opt + 112 + 8 * n), self.u32(
            self.opt + 116 + 8 * n)

    def section_of(self, rva):
        return next((s for s in self.sections if s.holds(rva)), None)

    def offset(self, rva):
        s = self.section_of(rva)
        return s.offset + rva - s.va

    def text(self, rva):
        at = self.offset(rva)
        return self.data[at:self.data.index(b"\0", at)].decode()

    def imports(self):
        rva, _ = self.directory(DIR_IMPORT)
        at = self.offset(rva)
        while self.u32(at + 12):
            module = self.text(self.u32(at + 12))
            thunk = self.offset(self.u32(at))
            while self.u64(thunk):
                yield module, self.text(self.u64(thunk) + 2)
                thunk += 8
            at += 20

    def relocations(self):
        rva, size = self.directory(DIR_RELOC)
        at = self.offset(rva)
        end = at + size
        while at < end:
            page, length = self.u32(at), self.u32(at + 4)
            if length < 8:
                break
            for i in range(at + 8, at + length, 2):
                if self.u16(i) >> 12:
                    yield page + (self.u16(i) & 0xfff), self.u16(i) >> 12
            at += length

    def checksum(self):
        """As ImageHlp's CheckSumMappedFile: 16-bit sums, plus the length."""
        skip = self.opt + 64
        data = self.data[:skip] + b"\0\0\0\0" + self.data[skip + 4:]
        data += b"\0" * (len(data) % 2)
        total = sum(struct.unpack("<%dH" % (len(data) // 2), data))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        return total + len(self.data)


def check_image(im, version, roots):
    check(im.u16(im.pe + 4) == MACHINE_X64 and
          im.u16(im.opt) == PE32_PLUS, "image: x64")
    flags = im.u16(im.pe + 22)
    check(not flags & IS_DLL, "image: a driver, not a DLL")
    check(not flags & RELOCS_STRIPPED, "image: relocatable")
    check(im.u32(im.pe + 8) == 0, "image: no time stamp")
    check(im.u16(im.opt + 68) == NATIVE, "image: native subsystem")
    check((im.u16(im.opt + 48), im.u16(im.opt + 50)) == (5, 2),
          "image: subsystem version 5.2")
    want = DYNAMIC_BASE | NX_COMPAT | HIGH_ENTROPY
    check(im.u16(im.opt + 70) & want == want, "image: ASLR and NX")
    check(im.u32(im.opt + 64) == im.checksum(), "image: checksum is valid")
    check(im.directory(DIR_EXPORT) == (0, 0), "image: exports nothing")
    relocs = list(im.relocations())
    check(relocs and all(kind == 10 for _, kind in relocs),
          "image: base relocations, 64 bits wide")
    check(not any(im.section_of(rva).flags & EXECUTE for rva, _ in relocs),
          "image: code needs no relocation")
    rva, size = im.directory(DIR_RESOURCE)
    data = im.data[im.offset(rva):im.offset(rva) + size] if rva else b""
    check("VS_VERSION_INFO".encode("utf-16le") in data and
          version.encode("utf-16le") in data, "image: version " + version)
    for root in roots:
        check(root.encode() not in im.data, "image: names " + root)


def check_sections(im):
    for s in im.sections:
        check(not (s.flags & EXECUTE and s.flags & WRITE),
              "sections: %s is writable and executable" % s.name)
        check(s.va % 4096 == 0, "sections: %s is page-aligned" % s.name)
        check(not s.name.startswith(("PAGE", "INIT")),
              "sections: %s would be paged or discarded" % s.name)
        check(s.name == ".reloc" or not s.flags & DISCARDABLE,
              "sections: %s would be discarded" % s.name)
    own = [s for s in im.sections if s.name == PASSAGE]
    check(len(own) == 1 and own[0].vsize == 4096 and own[0].flags & EXECUTE,
          "sections: the passage is one page of code")
    rva, _ = im.directory(DIR_IMPORT)
    check(not im.section_of(rva).flags & EXECUTE,
          "sections: the import table is not executable")


def check_imports(im, path):
    want, lookups = set(), set()
    with open(path, encoding="utf-8") as f:
        for line in f:
            word = line.split()
            if word[:1] == ["import"]:
                want.add((word[1], word[2]))
            elif word[:1] == ["lookup"]:
                lookups.add(word[1])
    have = set(im.imports())
    for module, name in sorted(have ^ want):
        check(False, "imports: %s!%s is %s" % (module, name, "not listed" if (
            module, name) in have else "listed, not imported"))
    wide = re.findall(rb"(?:[A-Za-z0-9]\0){6,}\0\0", im.data)
    found = {w[:-2].decode("utf-16le") for w in wide}
    found = {name for name in found if re.match(r"(Ke|Mm|Ex|Io|Ps|Hal|Rtl)"
                                                r"[A-Z]", name)}
    for name in sorted(found ^ lookups):
        check(False, "imports: lookup of %s is %s" % (
            name, "not listed" if name in found else "listed, not done"))


def check_code(path, objdump):
    done = subprocess.run([objdump, "-d", "--no-show-raw-insn", path],
                          stdout=subprocess.PIPE, text=True, check=True)
    section = None
    seen = 0
    for line in done.stdout.split("\n"):
        m = re.match(r"Disassembly of section (\S+):", line)
        if m:
            section = m.group(1)
        m = re.match(r"\s*[0-9a-f]+:\t(\S+)\s*(.*)", line)
        if not m:
            continue
        seen += 1
        insn, operands = m.groups()
        check(not re.search(r"%[xyz]mm|%st\b|%mm\d", operands),
              "code: uses vector registers: " + line.strip())
        loads = insn in WORLD or (insn == "mov" and
                                  operands.endswith(",%cr3"))
        check(section == PASSAGE or not loads,
              "code: changes worlds outside the passage: " + line.strip())
    check(seen > 1000, "code: disassembled")


def check_unwind(im):
    rva, size = im.directory(DIR_EXCEPTION)
    at, last, handlers = im.offset(rva), 0, 0
    for i in range(at, at + size, 12):
        begin, end, info = im.u32(i), im.u32(i + 4), im.u32(i + 8)
        check(last <= begin < end and im.section_of(begin) and
              im.section_of(begin).flags & EXECUTE, "unwind: %x" % begin)
        last = end
        x = im.offset(info)
        if im.data[x] >> 3 & 3:
            codes = im.data[x + 2]
            handler = im.u32(x + 4 + 2 * (codes + codes % 2))
            check(im.section_of(handler) and
                  im.section_of(handler).flags & EXECUTE,
                  "unwind: the handler is code")
            handlers += 1
    check(handlers == 1, "unwind: %d handlers, not one" % handlers)


def main():
    path, imports, objdump, version, *roots = sys.argv[1:]
    im = Image(path)
    check_image(im, version, roots)
    check_sections(im)
    check_imports(im, imports)
    check_code(path, objdump)
    check_unwind(im)
    print("%d failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
