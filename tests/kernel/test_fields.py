#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""guest-patch/object/fields.py misses nothing that code takes for granted.

usage: test_fields.py SOURCE_ROOT CC

A "kernel" of one header, and platform code that uses its types in each of the
ways that C has.  What is used in one way only must be in a row; what is not
used, or asked for by a symbol, in none.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

KERNEL = r"""
typedef unsigned long size_t;
enum colour { RED, GREEN = 7, BLUE };
struct inner { int first, second; };
struct outer {
	char pad[3];
	int read, written, unused;
	union { long seen_through; int in_union; };
	struct { int deep; } named;
	struct inner by_value, copied;
	int low : 3, high : 5;
	int address_of, offset_of, swept;
	long in_inline, in_dead_inline;
};
struct walked { int a[5]; };
struct counted { int a[6]; };
struct difference { int a[7]; };
struct static_one { int a; int set; int not_set; };
struct size_of { int a[9]; };
struct embedded { int a[10]; };
struct only_pointer { int a; };
struct differs { int a, b; };
typedef struct { int value; } untagged_t;
struct alt_instr { int at; short cpuid; };
int taken(struct outer *o, const char *text, size_t n, untagged_t u,
	  int (*call)(enum colour c));
int not_called(int x);
void *may_be_missing(void);
static inline long helper(struct outer *o) { return o->in_inline; }
static inline long dead(struct outer *o)
{
	return o->in_dead_inline + not_called(BLUE);
}
"""

OWN = r"""
#include "kernel.h"
struct cvm_own { int mine; struct embedded it; };
struct copy_of_kernels { int x, y; };
static struct static_one here = { .set = 1 };
static struct cvm_own ours;
#define OFFSET(s, m) ({ extern const char id[] __asm__("cvm_field." #s "." #m);\
	(unsigned long)id; })
static int callback(enum colour c) { return c == GREEN; }
int use(struct outer *o, struct walked *w, struct counted *c,
	struct difference *p, struct difference *q, struct only_pointer *op,
	struct differs *d, untagged_t *u, struct copy_of_kernels *k,
	struct inner *to);
int use(struct outer *o, struct walked *w, struct counted *c,
	struct difference *p, struct difference *q, struct only_pointer *op,
	struct differs *d, untagged_t *u, struct copy_of_kernels *k,
	struct inner *to)
{
	struct only_pointer *other = op;
	int *at = &o->address_of;

	o->written = o->read + o->in_union + (int)o->seen_through;
	o->high = 1;
	*to = o->copied;
	ours.mine = o->named.deep + o->by_value.second + k->y;
	ours.mine += __builtin_offsetof(struct outer, offset_of);
	ours.mine += sizeof(struct size_of) + w[1].a[0] + *(c + 1)->a;
	ours.mine += p - q + (other == op) + here.set;
	ours.mine += *(typeof(((struct differs *)0)->b) *)
		((char *)d + OFFSET(differs, b));
	return taken(o, "", helper(o), *u, callback) + *at +
	       (may_be_missing() != 0);
}
"""

# Of a member: offset and bytes; ANY where its place alone matters.
ANY = 0xffffffff
WANT = {
    ("outer", "read", 1, 4, 4), ("outer", "written", 1, 8, 4),
    ("outer", "seen_through", 1, 16, 8), ("outer", "in_union", 1, 16, 4),
    ("outer", "named.deep", 1, 24, 4), ("outer", "by_value.second", 1, 32, 4),
    ("outer", "copied", 1, 36, 8), ("outer", "high", 1, 355, 0),
    ("outer", "address_of", 1, 48, ANY), ("outer", "offset_of", 1, 52, ANY),
    ("outer", "in_inline", 1, 64, 8), ("inner", "", 2, 8, 0),
    ("walked", "", 2, 20, 0), ("walked", "a", 1, 0, 20),
    ("counted", "", 2, 24, 0), ("counted", "a", 1, 0, 24),
    ("difference", "", 2, 28, 0), ("static_one", "", 2, 12, 0),
    ("static_one", "set", 1, 4, 4), ("size_of", "", 2, 36, 0),
    ("embedded", "", 2, 40, 0), ("copy_of_kernels", "y", 1, 4, 4),
    ("untagged_t", "", 2, 4, 0), ("alt_instr", "", 2, 8, 0),
    ("alt_instr", "at", 1, 0, 4), ("alt_instr", "cpuid", 1, 4, 2),
    ("GREEN", "", 3, 7, 0),
    ("taken", "int (struct outer *, char *, long unsigned int, untagged_t, "
     "int (*)(enum colour))", 4, 0, 0),
    ("may_be_missing", "void *(void)", 4, 1, 0),
    ("smp_ops", "CONFIG_SMP", 6, 0, 0),
    ("lock_acquire", "CONFIG_LOCKDEP", 5, 0, 0),
}


def run(root, where, undefined, own=OWN):
    (where / "kernel").mkdir(exist_ok=True)
    (where / "own").mkdir(exist_ok=True)
    (where / "kernel/kernel.h").write_text(KERNEL, encoding="utf-8")
    (where / "own/own.c").write_text(own, encoding="utf-8")
    (where / "auto.conf").write_text(
        "CONFIG_SMP=y\nCONFIG_MITIGATION_IBRS_ENTRY=y\n", encoding="utf-8")
    (where / "undefined").write_text(undefined, encoding="utf-8")
    subprocess.run([*sys.argv[2:], "-E", "-I", where / "kernel", "-o",
                    where / "own.i", where / "own/own.c"], check=True)
    return subprocess.run(
        [sys.executable, root / "guest-patch/object/fields.py",
         where / "undefined", where / "auto.conf", where / "own.i"],
        capture_output=True, text=True, check=False)


def rows(text):
    names = dict(re.findall(r'(\.Ltext\d+):\t\.asciz "(.*)"', text))
    return {(names[name], names.get(member, ""), int(kind), int(value),
             int(size)) for name, member, kind, value, size in re.findall(
                 r"\.quad (\S+), (\S+)\n\t\.long (\d+), (\d+), (\d+), 0\n",
                 text)}


def complaints(root, where):
    done = run(root, where, "U taken\nw may_be_missing\nU cvm_field.x.y\n")
    if done.returncode:
        yield done.stderr.strip()
        return
    found = rows(done.stdout)
    kinds = {row for row in found if row[2] < 5}
    for row in sorted(WANT - found):
        yield f"no row {row}"
    for row in sorted(kinds - WANT):
        yield f"row {row}, and nothing uses it"
    done = run(root, where, "", OWN + "#ifdef CONFIG_ODD\n#endif\n")
    if done.returncode != 1 or "own.c asks for CONFIG_ODD" not in done.stderr:
        yield "an option that no symbol tells of was taken: " + done.stderr
    for folder in ("cvm", "object"):
        done = subprocess.run(
            [sys.executable, "-B", "-c", "import sys, fields; "
             "fields.check_options(sys.argv[1])",
             root / "guest-patch" / folder], capture_output=True, text=True,
            cwd=root / "guest-patch/object", check=False)
        if done.returncode:
            yield done.stderr.strip().split("\n")[-1]
    done = run(root, where, "U g\n", "int f(void) { return g(); }\n")
    if done.returncode != 1 or "no prototype" not in done.stderr:
        yield "a function of an unknown type was taken: " + done.stderr
    done = run(root, where, "", "int f(void) { return g; }\n")
    if done.returncode != 1:
        yield "code that does not compile was taken"


def main():
    # Debian's Python has it, which another need not.
    if subprocess.run([sys.executable, "-c", "import sys; sys.path.append("
                       "'/usr/lib/python3/dist-packages'); import clang.cindex"
                       "; clang.cindex.Index.create()"],
                      stderr=subprocess.DEVNULL, check=False).returncode:
        print("no libclang for Python (python3-clang-14)")
        return 77
    bad = 0
    with tempfile.TemporaryDirectory() as where:
        for text in complaints(pathlib.Path(sys.argv[1]).resolve(),
                               pathlib.Path(where).resolve()):
            print(text)
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
