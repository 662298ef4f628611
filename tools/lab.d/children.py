# SPDX-License-Identifier: GPL-2.0-only
"""Processes that end when we do, with all that they started.

Each is the leader of a process group.  Who waits for one and is interrupted,
by a signal too, ends its group: asked first, so that it can clean up after
itself, and killed when it does not answer.  Of a group only its leader is our
child; adopt() makes the kernel give us the others when that is gone, so that
the end of the last one can be waited for.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading

GRACE_SECONDS = 30	# another lab has machines to end
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

_libc = ctypes.CDLL(None)	# a child of threads must not load it
_live = set()
_lock = threading.Lock()


class Ended(KeyboardInterrupt):
    """A signal asks us to end; ^C raises its parent."""


def end_on_signals():
    """SIGTERM, SIGHUP and ^C leave through the finally blocks, once: what
    they clean up is not interrupted again."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

    def end(number, _frame):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(signal.Signals(number).name)

    for number in numbers:
        # nohup is a wish, too.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def adopt():
    """Orphans below us become our children."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent():
    """preexec_fn of what needs no time to clean up."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_parent():
    """preexec_fn of what does."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(proc, number):
    # Root's processes, below sudo, are not ours to end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(proc.pid, number)


def _reap_group(proc):
    """Until the last one is gone; the leader has been waited for."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-proc.pid, 0)


def end(proc):
    """End a group that started() made."""
    _signal_group(proc, signal.SIGTERM)
    try:
        proc.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    _signal_group(proc, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        proc.wait(GRACE_SECONDS)
        _reap_group(proc)


def end_all():
    """End what other threads wait for; each learns it by its child's end."""
    with _lock:
        procs = list(_live)
    for proc in procs:
        _signal_group(proc, signal.SIGTERM)
    for proc in procs:
        end(proc)


@contextlib.contextmanager
def started(argv, **how):
    """subprocess.Popen(), to be waited for inside the with block; what of its
    group is left when that is left ends."""
    how = {"stdin": subprocess.DEVNULL, **how}
    proc = subprocess.Popen([str(word) for word in argv], process_group=0,
                            preexec_fn=end_with_parent, **how)
    with _lock:
        _live.add(proc)
    try:
        yield proc
    except BaseException:
        end(proc)
        raise
    finally:
        if proc.poll() is None:
            end(proc)
        with _lock:
            _live.discard(proc)


def run(argv, input=None, timeout=None, **how):
    """subprocess.run(), output and errors captured unless told otherwise."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    if input is not None:
        how["stdin"] = subprocess.PIPE
    with started(argv, **how) as proc:
        out, err = proc.communicate(input, timeout)
    return subprocess.CompletedProcess(proc.args, proc.returncode, out, err)
