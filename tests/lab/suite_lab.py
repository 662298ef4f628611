# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself: frames on a noisy line, commands, statuses, timeouts."""

import os
import pty
import subprocess
import time
import tty

import build
import frames
import paths
import typist

LAB = str(paths.ROOT / "tools/lab")


def _decode(data, chunk):
    texts, got = b"", []
    decoder = frames.Decoder()
    for at in range(0, len(data), chunk):
        for item in decoder.feed(data[at:at + chunk]):
            if item[0] == "text":
                texts += item[1]
            else:
                got.append(item[1:])
    return texts, got


def _frames(t):
    one = frames.encode(frames.STDOUT, 7, bytes(range(256)))
    two = frames.encode(frames.EXIT, 7, b"\0\0\0\0")
    broken = one[:100] + b"<4>kernel message\n" + one[100:]
    stream = b"noise" + one + frames.MAGIC + b"no frame" * 4 + two + broken
    want = [(frames.STDOUT, 7, bytes(range(256))),
            (frames.EXIT, 7, b"\0\0\0\0")]
    for chunk in (1, 7, len(stream)):
        texts, got = _decode(stream + b"." * 5000, chunk)
        t.equal(got, want, "frames are found among noise, %d bytes at a time"
                % chunk)
        t.check(texts.startswith(b"noise" + frames.MAGIC + b"no frame") and
                b"kernel message" in texts,
                "a torn frame becomes text, %d bytes at a time" % chunk)


def _agent(t):
    """The agent on a terminal, as it serves in the guest."""
    lab_end, agent_end = pty.openpty()
    tty.setraw(lab_end)
    agent = subprocess.Popen([build.agent(), "serve", os.ttyname(agent_end)])
    channel = frames.Channel(lambda data: os.write(lab_end, data))
    every = bytes(range(256)) * 16

    def until(done, limit=30):
        end = time.monotonic() + limit * paths.PATIENCE
        while not done() and time.monotonic() < end:
            channel.feed(os.read(lab_end, 65536), time.monotonic())
        return done()

    try:
        t.check(until(lambda: channel.hello), "the agent says hello")
        proc = channel.spawn(["sh", "-c", "cat; echo err >&2; exit 77"])
        for _ in range(4):
            proc.write(every)
        proc.close_stdin()
        until(lambda: proc.status is not None)
        t.check(proc.out == every * 4, "every byte passes a terminal",
                "%d of %d bytes" % (len(proc.out), len(every) * 4))
        t.equal(proc.err, b"err\n", "stderr stays apart")
        t.equal(proc.status, 77, "the status is the command's")
    finally:
        agent.kill()
        agent.wait()
        os.close(lab_end)
        os.close(agent_end)


def _lab(*args, **how):
    return subprocess.run([LAB, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **how)


def _host_commands(t):
    done = _lab("host", "--", "sh", "-c",
                "cat; printf 'a\\000b'; echo oops >&2; exit 124",
                input=b"in\n")
    t.equal(done.stdout, b"in\na\0b", "host: stdout is the command's alone")
    t.check(done.stderr.endswith(b"oops\n"), "host: stderr goes to stderr",
            done.stderr)
    t.equal(done.returncode, 124, "host: the status is the command's")
    done = _lab("host", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
    t.equal(done.returncode, 125, "a host that panics is the lab's failure")
    t.check(b"sysrq triggered crash" in done.stderr,
            "and the end of its console is shown", done.stderr)
    done = _lab("host", "--timeout", "20", "--", "sleep", "1000")
    t.check(done.returncode == 125 and b"not done after 20 s" in done.stderr,
            "--timeout ends a machine", done.stderr)


def _host_terminal(t):
    with typist.Typist([LAB, "host"]) as user:
        before = user.mode()
        t.check(user.expect("# ", 120) is not None, "host shell: a prompt")
        t.check(user.mode() != before, "the terminal is raw meanwhile")
        user.type("echo w\x08world\r")
        t.check(user.expect("\nworld") is not None, "host shell: edits lines")
        user.type("exit 3\r")
        t.equal(user.wait(), 3, "host shell: its status is returned")
        t.equal(user.mode(), before, "the terminal is as before")
    with typist.Typist([LAB, "host"]) as user:
        before = user.mode()
        user.expect("# ", 120)
        os.kill(user._pid, 15)
        user.wait()
        t.equal(user.mode(), before, "the terminal is as before when killed")


def run(t):
    _frames(t)
    _agent(t)
    _host_commands(t)
    _host_terminal(t)
