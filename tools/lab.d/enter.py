#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""enter.py ROOT [FROM=TO]... -- COMMAND...: run a command whose "/" is ROOT.

It sees its own processes, mounts, /proc and host name; FROM of this machine
is ROOT's TO.  No mount outlives it, and no process: all of them end with the
command, or when standard input does, which is how a killed caller is noticed
whoever he was.  Without root's rights it runs in a user namespace, where one
user is root and there is no other.

A chroot would not do: in one nobody may make user namespaces.  What could
reach this machine's kernel, modules, ports and a restart, root there has not.
"""

import ctypes
import os
import select
import signal
import sys

HOSTNAME = b"fresh"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000)
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PIVOT_ROOT = 155	# no wrapper in libc
PR_CAPBSET_DROP = 24
SYS_MODULE, SYS_RAWIO, SYS_BOOT = 16, 17, 22

libc = ctypes.CDLL(None, use_errno=True)


def call(function, *args):
    if function(*args) < 0:
        err = ctypes.get_errno()
        raise OSError(err, "%s: %s" % (function.__name__, os.strerror(err)))


def write(path, text):
    with open(path, "w") as handle:
        handle.write(text)


def separate():
    """Namespaces of its own; the next child is the first process there."""
    uid, gid = os.geteuid(), os.getegid()
    kinds = NEWNS | NEWUTS | NEWIPC | NEWPID
    call(libc.unshare, kinds | (NEWUSER if uid else 0))
    if uid:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", "0 %d 1" % uid)
        write("/proc/self/gid_map", "0 %d 1" % gid)


def mount(source, target, kind=None, flags=0):
    words = [word.encode() if word else None for word in
             (source, target, kind)]
    call(libc.mount, *words, ctypes.c_ulong(flags), None)


def change_root(root, binds):
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    mount(root, root, flags=MS_BIND)
    os.makedirs(root + "/proc", exist_ok=True)
    mount("proc", root + "/proc", "proc")
    for bind in ["/dev=/dev", "/sys=/sys", *binds]:
        source, target = bind.split("=")
        if os.path.isdir(source):
            os.makedirs(root + target, exist_ok=True)
        mount(source, root + target, flags=MS_BIND | MS_REC)
    # The old root goes over the new one, and away (pivot_root(2), NOTES).
    os.chdir(root)
    call(libc.syscall, PIVOT_ROOT, b".", b".")
    call(libc.umount2, b".", MNT_DETACH)
    os.chdir("/")
    call(libc.sethostname, HOSTNAME, len(HOSTNAME))


def first_process(root, binds, command):
    """The child: sets the place up and becomes the command."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    change_root(root, binds)
    for capability in (SYS_MODULE, SYS_RAWIO, SYS_BOOT):
        call(libc.prctl, PR_CAPBSET_DROP, capability, 0, 0, 0)
    # (os.execvpe() loads a module, and this Python's are out of sight.)
    places = PATH.split(":") if "/" not in command[0] else [""]
    for place in places:
        path = os.path.join(place, command[0])
        if os.path.exists(path):
            os.execve(path, command, {"PATH": PATH, "HOME": "/root",
                                      "LC_ALL": "C.UTF-8"})
    raise FileNotFoundError("no program " + command[0])


def wait(child):
    """The child's status; killed when nobody is there to be told."""
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([ended, 0], [], [])
    while 0 in ready and ended not in ready:
        if not os.read(0, 4096):
            os.kill(child, signal.SIGKILL)
            break
        ready, _, _ = select.select([ended, 0], [], [])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(argv):
    cut = argv.index("--")
    root, binds = os.path.realpath(argv[0]), argv[1:cut]
    separate()
    child = os.fork()
    if not child:
        try:
            first_process(root, binds, argv[cut + 1:])
        except OSError as err:
            print("enter: %s: %s" % (root, err), file=sys.stderr, flush=True)
        os._exit(127)
    # Signals are the caller's to answer: it closes standard input.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    status = wait(child)
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
