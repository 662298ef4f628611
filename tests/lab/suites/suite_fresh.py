# SPDX-License-Identifier: GPL-2.0-only
"""A machine with nothing on it: what README and docs/ tell a newcomer to type
works there, with the packages that they name and no other."""

import contextlib
import re
import shlex

import debian
import kernels
import paths
import roots
import ui

RELEASE = "bookworm"
PACKAGES = "ca-certificates,python3,git,sudo"
LAB_CACHE = ".cache/libcvm"
HERE = "libcvm"		# the checkout, in the user's home
SUITES = ("config",)
LONG_SUITES = ("unit", "pe", "install", "wine", "ring0", "bochs", "devices",
               "powercut", "debian")

# What is not typed there: it is for the machine that runs the kernel.
ELSEWHERE = re.compile(r"\b(insmod|rmmod|qemu-system-x86_64)\b|"
                       r"\bcvmctl (check|run|stop|list)\b|\btools/lab\b|"
                       r"^\$ |^[a-z]+=|^cobd0=|^root=")


_followed = set()


def _commands(text):
    """The commands of a text in Markdown: its indented lines."""
    lines = "\n".join(re.findall(r"^    (.*)$", text, re.M))
    return [re.sub(r"\s+# .*", "", " ".join(line.split()))
            for line in lines.replace("\\\n", " ").split("\n")
            if not ELSEWHERE.search(line)]


def _section(page, title):
    """The commands of a section of a page of docs/."""
    text = (paths.ROOT / "docs" / page).read_text()
    parts = re.split(r"^##+ (.*)$", text, flags=re.M)
    return _commands(dict(zip(parts[1::2], parts[2::2]))[title])


def _every_list(t):
    """No page has a list of packages that was not installed here."""
    listed = {command for page in (paths.ROOT / "docs").glob("*.md")
              for command in _commands(page.read_text())
              if re.search(r"\bapt(-get)? install\b", command)}
    t.check(listed and listed <= _followed, "all %d lists of packages of "
            "docs/ were installed" % len(listed), sorted(listed - _followed))


@contextlib.contextmanager
def _fresh():
    with roots.Fresh(RELEASE, PACKAGES) as root:
        root.checkout(HERE)
        yield root


def _follow(t, root, what, commands):
    """Commands in their order, all of which must succeed; their output."""
    script = "set -e; cd %s\n" % HERE
    for command in commands:
        script += "echo + %s\n%s\n" % (shlex.quote(command), command)
    with ui.step("fresh: " + what):
        status, text = root.as_user(
            script, paths.CACHE / "log" / "fresh-follow.log")
    _followed.update(commands)
    t.check(commands and status == 0, "%s: its %d commands succeed" % (
        what, len(commands)), "status %d\n%s" % (status, ui.tail(text)))
    return text


# ---- README: the lab -----------------------------------------------------

def _lab(t):
    hosts = [debian.host_kernel(series).dir for series in paths.HOSTS]
    with _fresh() as root:
        root.give(hosts, LAB_CACHE + "/hosts")
        text = _follow(t, root, "tools/lab run", ["tools/lab run -- uname -r"])
        release = debian.host_kernel("6.12").release
        if not t.check(text.endswith("\n%s\n" % release), "and it prints a "
                       "kernel of Debian's own name, %s" % release,
                       ui.tail(text)):
            return
        t.check("guest-patch: " not in text and not root.run(
            "test", "-e", "/usr/src/linux-source-6.12.tar.xz")[0] == 0,
            "no kernel was built for it, and no source fetched",
            ui.tail(text))
        root.give([kernels.guest(name).dir for name in kernels.BUILT],
                  LAB_CACHE)
        for names in (SUITES, LONG_SUITES) if t.long else (SUITES,):
            text = _follow(t, root, "tools/lab test " + " ".join(names),
                           ["tools/lab test --jobs 1 " + " ".join(names)])
            t.check(re.search(r"^\d\d+ passed, 0 failed, \d+ skipped\n\Z",
                              text, re.M), "and they pass", ui.tail(text))
        if t.long:
            _follow(t, root, "tools/lab debian and bench", [
                "tools/lab debian -- uname -r", "tools/lab bench"])


# ---- docs/install.md -----------------------------------------------------

# Debian's headers are for a kernel that this machine need not run.
UNAME = """\
#!/bin/sh
[ "$*" != -r ] || { echo %s; exit; }
exec /usr/bin/uname "$@"
"""
KEY = "ssh-ed25519 " + "A" * 67 + "= a key that nobody has"
PARTS = "slirp io_uring zstd lzma ext2fs zydis"


def _install(t):
    kernel = debian.host_kernel("6.12")
    with _fresh() as root:
        root.must("sh", "-c", "cat >/usr/local/bin/uname <<'END'\n%sEND\n"
                  "chmod 755 /usr/local/bin/uname" % (UNAME % kernel.release))
        root.give([kernel.image], "boot")
        root.must("cp", "/home/%s/boot/%s" % (
            roots.USER, kernel.image.name),
            "/boot")
        need, may, *rest = _section("install.md", "1. Build")
        text = _follow(t, root, "install.md, what is needed", [
            need, "meson setup less -Dtests=false",
            "ninja -C less tools/cvmctl/cvmctl",
            "less/tools/cvmctl/cvmctl version"])
        t.check("\nwithout %s\n" % PARTS in text,
                "cvmctl says what it was built without", ui.tail(text))
        text = _follow(t, root, "install.md, 1. Build", [
            may, *rest, "test -f build-module/cvm.ko", "cvmctl version"])
        t.check("\nwith %s\n" % PARTS in text and "\nwithout" not in
                text.rsplit("+ cvmctl version", 1)[-1],
                "cvmctl says that it has all", ui.tail(text))
        text = _follow(t, root, "install.md, 3. A guest kernel",
                       _section("install.md", "3. A guest kernel"))
        t.check("can be a guest" in text, "and Debian's kernel can be one",
                ui.tail(text))
        tests = _section("install.md", "With the tests")
        _follow(t, root, "install.md, with the tests",
                tests if t.long else tests[:2])
        _follow(t, root, "lab.md, Fuzzing for long", [
            *(command for command in _section("lab.md", "Fuzzing for long")
              if "apt" in command), "tests/fuzz/run --executions 1000 dns"])
        _follow(t, root, "install.md, 4. Run", [
            "mkdir -p ~/.ssh; echo %s >~/.ssh/id_ed25519.pub" %
            shlex.quote(KEY), *_section("install.md", "4. Run"),
            "cvmctl image info debian.img"])


def _patched_kernel(t):
    """From the cache; with --long it is built there, by what the packages
    bring."""
    kernel = kernels.guest(kernels.BUILT[0]).dir
    commands = _section("install.md", "From patched sources")
    with _fresh() as root:
        if not t.long:
            root.give([kernel], LAB_CACHE)
        text = _follow(t, root, "install.md, from patched sources", commands)
        counts = re.findall(r"([\d,]+) of about ([\d,]+) files compiled", text)
        if t.long:
            t.check(counts and len({total for _, total in counts}) <= 2,
                    "it says how far it is: %s" % " ".join(
                        "/".join(pair) for pair in counts), ui.tail(text))
        where = text.rstrip().rsplit("\n", 1)[-1]
        t.check((root.dir / where[1:] / "vmlinux").exists(),
                "and in the end where the kernel is", where)


# ---- docs/windows.md -----------------------------------------------------

def _windows(t):
    kernel = kernels.guest(kernels.BUILT[0]).image
    with _fresh() as root:
        root.give([kernel], "given")
        commands = [re.sub(r"KERNEL,\.\.\.|X\.Y\.o,\.\.\.|INITRD",
                           "$HOME/given/vmlinux", command)
                    for command in _section("windows.md", "Build")]
        _follow(t, root, "windows.md, Build", [
            *commands, "ls build-nt/hosts/nt/libcvm-*.zip"])


def run(t):
    why_not = roots.may_be_made()
    if why_not:
        t.skip("a fresh Debian", why_not)
        return
    try:
        # Two at a time would share what apt keeps, and its lock.
        with ui.locked(roots.FRESH / "debs"):
            _lab(t)
            _install(t)
            _patched_kernel(t)
            _windows(t)
            _every_list(t)
    except roots.NoNetwork as err:
        t.skip("a fresh Debian", str(err))
