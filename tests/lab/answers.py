# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's kernel answers to programs (answers.c), compared with what
Debian's own kernel of the same version does, beside which it runs."""

import re

import build
import machine
import paths

FLAGS = ("-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector",
         "-fno-pie", "-no-pie", "-Wl,-e,begin")
# A compiler for 32-bit programs looks for Linux's headers elsewhere.
HEADERS = "/usr/include/x86_64-linux-gnu"
KINDS = {"64": (), "32": ("-m32", "-isystem", HEADERS)}
LIMIT = 120
SAME_NUMBERS = 424	# from here on system calls have one number everywhere

# Differences that are meant, and why; questions as _name() has them.
MEANT = (
    (r"kexec_(file_)?load", "a door from user space to the machine"),
    (r"iopl|ioperm", "a door from user space to the machine"),
    (r"map_shadow_stack|system call 453",
     "shadow stacks are hidden from guests"),
    (r"(clock|timer|timerfd) [89]", "no clock of a guest's wakes a machine"),
)

# And of a kernel for a distribution's user space.
FOR_DEBIAN = MEANT + (
    (r"system call 335|uretprobe", "no uprobes"),
    (r"perf-type 512", "no tracepoints"),
    (r"netlink 7", "no SELinux"),
    (r"keyctl 2[4-8]", "no asymmetric keys"),
    (r"bpf 23", "no BTF of the kernel, which is debugging information"),
    # Debian has these as modules, and the lab's host has loaded none.
    (r"(stream|datagram|raw|packets) 38", "AF_ALG is built in"),
    (r"netlink 6|set-ip 16|set-ip-udp 65552", "XFRM is built in"),
    # And that is one for clouds; Debian's ordinary kernel has them.
    (r"ldt 0", "16-bit segments are built in"),
)


def _ask(kernel, kind):
    """{(class, number): answer}"""
    source = paths.PROGRAMS / "answers.c"
    program = build.program(source, *FLAGS, *KINDS[kind]).read_bytes()
    machine.checked(kernel.run(["sh", "-c", "cat >/tmp/answers; "
                                "chmod 755 /tmp/answers"], stdin=program),
                    "answers")
    found = {}
    for line in kernel.sh("/tmp/answers; rm /tmp/answers",
                          limit=LIMIT).splitlines():
        name, number, answer = line.split(" ", 2)
        found[name, int(number)] = answer
    return found


def _calls(kind):
    """{number: name of the system call}"""
    with open("%s/asm/unistd_%s.h" % (HEADERS, kind), encoding="ascii") as f:
        return {int(number): name for name, number in
                re.findall(r"#define __NR_(\w+)\s+(\d+)", f.read())}


def _name(question, calls):
    """all-0 and all-1 ask for system calls; the others have commands."""
    name, number = question
    if name.startswith("all-"):
        return calls.get(number, "system call %d" % number)
    return "%s %d" % question


def _differences(host, guest, kind, meant=MEANT):
    calls = _calls(kind)
    found = {}
    for question, answer in host.items():
        name = _name(question, calls)
        if guest.get(question) != answer and not any(
                re.fullmatch(pattern, name) for pattern, _ in meant):
            found[question] = "%s: %s %s, here %s" % (
                name, question[0], answer, guest.get(question))
    return found


def _twin(question, calls32, numbers64):
    """The same question of a 64-bit program, None if there is none."""
    name, number = question
    if not name.startswith("all-") or number >= SAME_NUMBERS:
        return question
    call = re.sub(r"(_time64|64|32)$", "", calls32.get(number, ""))
    return (name, numbers64[call]) if call in numbers64 else None


def same(t, host, guest, what):
    """The kernel file that the host has booted, too."""
    whole(t, host, guest, what, MEANT)


def whole(t, host, guest, what, meant=FOR_DEBIAN):
    """A kernel that is to answer every program as Debian's does."""
    for kind in KINDS:
        ours, theirs = _ask(host, kind), _ask(guest, kind)
        odd = _differences(ours, theirs, kind, meant)
        t.check(len(ours) > 2000 and not odd, "%s answers %d questions of a "
                "%s-bit program as Debian's kernel does" % (
                    what, len(ours), kind), "\n".join(odd.values()))


def alike(t, host, guest, what):
    """A kernel that leaves things out: what it has for 64-bit programs it has
    for 32-bit ones."""
    ours = {kind: _ask(host, kind) for kind in KINDS}
    theirs = {kind: _ask(guest, kind) for kind in KINDS}
    calls = _calls("32")
    numbers = {name: number for number, name in _calls("64").items()}
    odd = []
    for question, text in _differences(ours["32"], theirs["32"],
                                       "32").items():
        twin = _twin(question, calls, numbers)
        if twin not in ours["64"] or ours["64"][twin] == theirs["64"][twin]:
            odd.append(text)
    t.check(len(ours["32"]) > 2000 and not odd, "%s answers 32-bit programs "
            "as Debian's kernel does, where it has the same for 64-bit ones" %
            what, "\n".join(odd))
