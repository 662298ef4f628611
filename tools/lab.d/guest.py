# SPDX-License-Identifier: GPL-2.0-only
"""A guest inside the machine: cvmctl run, with the agent on its console."""

import time

import frames
import machine
import ui

BOOT_SECONDS = 180
DEBIAN_SECONDS = 900
HANG_SECONDS = machine.HANG_SECONDS


def argv(options, mode, name=None, extra=()):
    """The cvmctl command line that starts a guest."""
    if options.root:
        words = "root=%s ro" % options.root
        if mode == "agent":
            words += " cvm.agent=/dev/hvc0 systemd.show_status=0"
    else:
        words = "cvm.lab=%s" % mode
    words += " " + options.guest_append
    argv = ["cvmctl", "run", "--kernel",
            machine.guest_file(options.guest),
            "--initrd", machine.guest_initrd(options.guest), "--mem", str(options.mem),
            "--cmdline", "console=hvc0 " + words.strip()]
    if name:
        argv += ["--name", name]
    return argv + list(extra)


class Guest:
    """A booted guest that takes commands; prefix stands before cvmctl."""

    def __init__(self, host, options=None, name=None, extra=(), prefix=(),
                 command=None):
        """command: cvmctl's whole command line, its guest has the agent."""
        self.host = host
        self.options = options or host.options
        self.err = b""
        self.channel = frames.Channel(self._transmit)
        self.proc = None
        self._argv = [*prefix, *(command or argv(
            self.options, "agent", name,
            ("--detach-key", "none", *extra)))]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.close()

    def launch(self):
        """Start it, and wait for nothing."""
        self.proc = self.host.spawn(self._argv, stdout=self._feed,
                                    stderr=self._stderr)
        self.host.watch(self._check)

    def start(self):
        self.launch()
        self.arrive()

    def arrive(self):
        """Its agent takes commands."""
        if not self.options.root:
            self._wait_for_agent(BOOT_SECONDS)
            return
        with ui.waiting("Debian boots", self.console) as tick:
            self.host.watch(tick)
            self._wait_for_agent(DEBIAN_SECONDS)
            self.host.unwatch(tick)

    def _wait_for_agent(self, limit):
        self._wait(lambda: self.channel.hello, "the guest to boot", limit)

    def close(self):
        """End the guest the hard way, if it still runs."""
        proc, self.proc = self.proc, None
        if not proc:
            return
        self.host.unwatch(self._check)
        if proc.status is None and not self.host.failed:
            proc.signal(9)
            self.host.wait(lambda: proc.status is not None,
                           "the guest's process to end", 60)

    def _transmit(self, data):
        self.proc.write(data)

    def _feed(self, data):
        self.channel.feed(data, time.monotonic())

    def _stderr(self, data):
        self.err += data

    def console(self):
        """Kernel messages and whatever else was not the agent's."""
        return self.channel.text.decode("utf-8", "replace")

    def failure(self, what):
        said = self.err.decode("utf-8", "replace")
        return ui.LabError(
            "%s: %s" % (what, ui.reason(self.console() + "\n" + said)),
            "cvmctl said: %s\nthe end of the guest's console:\n%s" % (
                said.strip() or "(nothing)",
                ui.tail(self.console()) or "(nothing)"))

    def _check(self, now):
        """From its hello on the agent's heart beats; a system that boots may
        be silent for long."""
        seen = self.channel.hello and self.channel.sign_of_life
        if seen and now - seen > HANG_SECONDS:
            raise self.failure("no heartbeat from the guest for %d s" %
                               HANG_SECONDS)

    def _wait(self, done, what, limit):
        self.host.wait(lambda: done() or self.proc.status is not None, what,
                       limit)
        if not done():
            raise self.failure("the guest ended (status %d) while waiting for "
                               "%s" % (self.proc.status, what))

    def must_run(self):
        """Raise when the guest has ended."""
        if self.proc.status is not None:
            raise self.failure("the guest ended (cvmctl's status %d)" %
                               self.proc.status)

    def spawn(self, args, **how):
        return self.channel.spawn(args, **how)

    def wait(self, proc, limit=600):
        self._wait(lambda: proc.status is not None, "a command", limit)
        return proc

    def run(self, args, stdin=b"", limit=600):
        proc = self.channel.spawn(args)
        if stdin:
            proc.write(stdin)
        proc.close_stdin()
        return self.wait(proc, limit)

    def sh(self, script, limit=600):
        """Output of a shell line in the guest that must succeed."""
        return machine.checked(self.run(["sh", "-c", script], limit=limit),
                               script)

    def ended(self, limit=120):
        """Wait for cvmctl to end; its exit status."""
        self.host.wait(lambda: self.proc.status is not None,
                       "the guest to end", limit)
        return self.proc.status
