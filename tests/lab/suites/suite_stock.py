# SPDX-License-Identifier: GPL-2.0-only
"""A distribution's kernel as a guest is still that kernel: fifty of its modules
load and go again, ports in modules are refused, pages that can be written do
not run, stacks are unwound through hooks; ftrace, kprobes and a live patch.
"""

import re
import time

import guest
import images
import inside
import kernels
import machine

# Of every kind of subsystem, and some that have ports which they touch once
# they are told where their device is.
MODULES = """
    8021q adiantum aes_ti algif_hash algif_skcipher amplc_pci230 authenc
    blowfish_generic bonding bridge btrfs cast6_generic cifs comedi comedi_8254
    comedi_8255 das08 dm_crypt dm_mirror dm_raid dm_snapshot dm_thin_pool dummy
    erofs exfat gre ife ifb ip_gre ip6_gre ip_set ip_vs ipvlan kyber_iosched
    l2tp_core macvlan md4 mpls_router nbd nf_conntrack nf_nat nf_tables nfs
    nfsd nls_cp437 null_blk nvme_fabrics openvswitch overlay raid1 raid456
    sch_fq sch_htb sctp serpent_generic squashfs tcp_bbr team tun
    twofish_generic udf veth vhost_net vxlan wireguard xfs zram
""".split()
LEAST = 50
PORTS = ("das08", "comedi_8254", "comedi_8255", "amplc_pci230")
LOOPS, LONG_TIMES = 3, 10
SITE = r"(\w+): at (\w+): byte (\w+), word (\w+), long (\w+), " \
    r"string (\d+) (\d+), own (\d+)"
TRACING = "/sys/kernel/tracing/"
KEPT = "ports stale pages patch".split()


def _initrd(name):
    """A guest's system that has all these modules, and ours."""
    kernel = kernels.guest(name)
    tree = images.guest_system(kernel, modules=MODULES)
    for module in KEPT:
        tree.file("lab/%s.ko" % module, kernel.module(
            "tests/lab/modules/" + module).read_bytes())
    return tree.bytes()


def _guest(host):
    argv = guest.argv(host.options, "agent", extra=("--detach-key", "none"))
    argv[argv.index("--initrd") + 1] = "/lab/initrd"
    return guest.Guest(host, command=argv)


def _log(inner, pattern):
    """The last line of the guest's log that has it."""
    found = [line for line in inner.sh("dmesg").splitlines()
             if re.search(pattern, line)]
    return found[-1] if found else ""


def _recorder(inner):
    return inner.sh("cat /sys/hypervisor/cvm/recorder")


def _symbols(inner):
    """{name: address} of what the kernel says is the platform's."""
    text = inner.sh("grep '\\[cvm\\]' /proc/kallsyms")
    return {line.split()[2]: int(line.split()[0], 16)
            for line in text.splitlines()}


def _itself(t, inner):
    """It is known to the kernel, and stays."""
    own = _symbols(inner)
    t.check({"cvm_guest_object_start", "__cvm_guest_nmi", "recorder_lock"} <=
            set(own), "kallsyms: %d symbols of the platform" % len(own), own)
    proc = inner.run(["rmmod", "cvm"])
    t.check(proc.status and _symbols(inner) == own,
            "rmmod cvm is refused: %s" % proc.err.decode().strip(), proc.err)
    wx = _log(inner, "Checked W.X mappings")
    t.check("passed, no W+X pages found" in wx,
            "the kernel's check for writable text passes", wx)
    return own


def _pages(t, inner, own):
    want = {"cvm_guest_object_start": None, "__cvm_guest_nmi": "ro x",
            "cvm_guest_exc_nmi": "ro x", "recorder_lock": "rw nx"}
    inner.sh("insmod /lab/pages.ko at=%s && rmmod pages" % ",".join(
        "%#x" % own[name] for name in want))
    for name, allowed in want.items():
        line = _log(inner, "pages: %x " % own[name])
        t.check(line.endswith(allowed) if allowed else "rw x" not in line,
                "the platform's %s is %s" % (
                    name, " ".join(line.split()[-2:])), line)


def _load(inner, names):
    """Those that load."""
    script = "for m in %s; do modprobe $m 2>/dev/null && echo $m; done"
    return inner.sh(script % " ".join(names)).split()


def _unload(inner):
    """All that nobody uses, until there is none."""
    inner.sh("n=-1; while [ $n != $(lsmod | wc -l) ]; do n=$(lsmod | wc -l); "
             "for m in $(awk '$3 == 0 && !/^virtio/ { print $1 }' "
             "/proc/modules); do rmmod $m 2>/dev/null; done; done; true")


def _modules(t, inner):
    t.equal(_recorder(inner), "", "the recorder is empty after the boot")
    loaded = _load(inner, MODULES)
    t.check(len(loaded) >= LEAST, "%d modules of the package are loaded" %
            len(loaded), "not %s" % sorted(set(MODULES) - set(loaded)))
    t.check(set(PORTS) <= set(loaded), "drivers with ports among them")
    t.equal(_recorder(inner), "", "the recorder is empty after that")
    _unload(inner)
    left = inner.sh("lsmod | tail -n +2 | wc -l")
    for _ in range(LOOPS * (LONG_TIMES if t.long else 1)):
        _load(inner, PORTS)
        _unload(inner)
    t.equal(inner.sh("lsmod | tail -n +2 | wc -l"), left,
            "load and unload, over and over")
    t.equal(_recorder(inner), "", "the recorder is still empty")


def _touched(inner, name):
    inner.sh("insmod /lab/%s.ko && rmmod %s" % (name, name))
    return re.search(SITE, _log(inner, "%s: at " % name)).groups()


def _ports(t, inner):
    """Found when a module is loaded, forgotten when it goes."""
    found = [_touched(inner, "ports") for _ in range(LOOPS)]
    t.check(all(line[2:] == ("ff", "ffff", "ffffffff", "1", "2", "0")
                for line in found), "a module's ports read as nothing", found)
    seen = _recorder(inner)
    t.check("in 0x2e" in seen and "out 0x2e" in seen and
            "[ports]" not in seen.replace("touch", ""),
            "the recorder has them", seen)
    name, at, byte, *_, own = _touched(inner, "stale")
    t.check((byte, own) == ("0", "1"), "an int3 of its own in the next module "
            "is its own", (found, at, byte, own))
    t.check(at in [line[1] for line in found],
            "which lies where the last one was", (at, found))


def _trace(inner, *script):
    """What tracing shows after these lines, and it is off again."""
    text = inner.sh("cd %s\n%s\ncat trace" % (TRACING, "\n".join(script)))
    inner.sh("cd %s; echo nop >current_tracer; echo 0 >events/kprobes/enable; "
             "echo >set_ftrace_filter; echo >trace; for e in "
             "events/kprobes/*/trigger; do echo '!stacktrace' >$e; done; "
             "echo >kprobe_events; true" % TRACING)
    return text


def _unwinding(t, inner):
    """A stack that goes through a hook, and one that goes through a file of
    the platform's own."""
    text = _trace(
        inner, "echo 'p:one sysfs_emit' >kprobe_events",
        "echo 'p:two apply_returns' >>kprobe_events",
        "for k in one two; do echo stacktrace >events/kprobes/$k/trigger; "
        "echo 1 >events/kprobes/$k/enable; done", "echo >trace",
        "cat /sys/hypervisor/cvm/nmis", "insmod /lab/pages.ko", "rmmod pages")
    t.check(re.search(r"=> nmis_show.*?=> sysfs_kf_seq_show", text, re.S),
            "a stack through the platform's text", text)
    t.check(re.search(r"=> module_finalize.*?=> cvm_guest_module_finalize.*?"
                      r"=> load_module", text, re.S),
            "a stack through a hook", text)


PROBES = {"into what a hook calls": "p:into apply_returns",
          "around a hook": "r:around load_module"}
# Events are for what the function tracer can trace (kernel/trace/trace_kprobe.c).
NO_PROBES = ("module_finalize", "cvm_guest_module_finalize")


def _probes(t, inner):
    """Beside hooks; at one, and inside the platform, the kernel says why
    not."""
    specs = [*PROBES.values(), *("p:no " + name for name in NO_PROBES)]
    text = _trace(
        inner, *("echo '%s' >>kprobe_events" % spec for spec in specs),
        "echo 1 >events/kprobes/enable", "insmod /lab/pages.ko",
        "rmmod pages", "dmesg | tail -n 10")
    for what, spec in PROBES.items():
        t.check(" %s:" % spec[2:].split()[0] in text, "a kprobe " + what, text)
    for name in NO_PROBES:
        t.check("Could not probe notrace function " + name in text,
                "an event of a kprobe at %s is refused" % name, text)


def _ftrace(t, inner):
    text = _trace(inner, "echo function >current_tracer",
                  "insmod /lab/pages.ko", "rmmod pages",
                  "echo 0 >tracing_on", "grep -c . trace",
                  "grep -o 'load_module' trace | head -n 1",
                  "echo >trace; echo 1 >tracing_on")
    t.check("load_module" in text, "the function tracer", text[-2000:])
    names = inner.sh("grep -xE 'module_finalize|load_module' "
                     "%savailable_filter_functions" % TRACING).split()
    t.equal(names, ["load_module"], "and what is hooked is none of its own")


def _live_patch(t, inner):
    before = inner.sh("cat /proc/version")
    inner.sh("insmod /lab/patch.ko")
    state = "/sys/kernel/livepatch/patch/"
    for _ in range(60):
        if inner.sh("cat %stransition" % state) == "0\n":
            break
        time.sleep(1)
    t.equal((inner.sh("cat %stransition" % state),
             inner.sh("cat /proc/version")), ("0\n", "patched\n"),
            "a live patch is complete: every stack could be unwound")
    inner.sh("echo 0 >%senabled; n=0; while [ -e %senabled ] && [ $n -lt 60 ]; "
             "do sleep 1; n=$((n+1)); done; rmmod patch" % (state, state))
    t.equal(inner.sh("cat /proc/version"), before, "and taken back")


def _warning(t, inner):
    """WARN() in the platform's text; the last of the tests, as it stays in the
    log."""
    inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
    inner.sh("insmod /lab/pages.ko unpin=1")
    log = inner.sh("dmesg").split("pinned CR4 bits changed", 1)[-1]
    t.check(re.search(r"RIP: \S+hooked_write_cr4\S+ \[cvm\].*\] {2}"
                      r"cr4_update_irqsoff\S+\n.*\] {2}pages_start", log, re.S),
            "a WARN() of the platform's says where", log)
    t.check("pages: SMEP 1" in log, "and SMEP stays on", log)


def _kernel(t, name):
    options = machine.Options(guest=name, host_mem=1536, mem=384,
                              files={"lab/initrd": _initrd(name)})
    with machine.Machine(options) as host:
        with _guest(host) as inner:
            own = _itself(t, inner)
            _pages(t, inner, own)
            _modules(t, inner)
            _ports(t, inner)
            _unwinding(t, inner)
            _probes(t, inner)
            _ftrace(t, inner)
            _live_patch(t, inner)
            _warning(t, inner)
            inner.spawn(["poweroff"])
            t.equal(inner.ended(), 0, "it powers off")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")


def run(t):
    for name in t.guests if t.long else t.guests[:1]:
        if kernels.stock(name):
            _kernel(t, name)
        else:
            t.skip(name, "it is not adapted")
