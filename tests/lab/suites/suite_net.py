# SPDX-License-Identifier: GPL-2.0-only
"""slirp and tap: addresses, names, 64 MiB (1 GiB with `--long`) both ways,
forwards, the cable, two VMs on a bridge, what is refused."""

import json
import time

import build
import guest
import inside
import machine
import paths

CONFIG = "/tmp/%s.conf"
MIBS = (64, 16)		# of the guests
MIBS_LONG = (1024, 16)
TWO_MIB = 128		# each of two VMs
NAME = "net"
MAC = "02:11:22:33:44:55"
NAMED = "192.0.2.7"
REFUSED = 1

# What udhcpc calls: it leaves the address to a script.
DHCP = """\
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo "nameserver $dns" >/etc/resolv.conf
echo $ip/$mask $router $dns $hostname
"""

HOST = """\
set -e
mkdir /tmp/www
for mib in %s; do
	dd if=/dev/urandom of=/tmp/www/$mib bs=1M count=$mib 2>/dev/null
done
echo by IPv6 >/tmp/www/ip6
httpd -p 0.0.0.0:8000 -h /tmp/www
httpd -p [::1]:8006 -h /tmp/www
nethelp dns %s >/dev/null 2>&1 &
nethelp silent 127.0.0.9 >/dev/null 2>&1 &
echo nameserver 127.0.0.1 >/etc/resolv.conf
echo nameserver fe80::1%%lo >>/etc/resolv.conf
for n in 0 1 2; do tunctl -t tap$n >/dev/null; done
nethelp tap other 1
ip addr add 192.168.77.1/24 dev tap0
ip link set tap0 up
"""


def _mibs(t):
    """What is copied, for each guest."""
    return dict(zip(t.guests, MIBS_LONG if t.long else MIBS))


def _configure(host, name, *words):
    host.sh("cat >%s <<'END'\n%s\nEND" % (CONFIG % name, "\n".join(words)))
    return "--config", CONFIG % name


def _guest(host, version, name, mem, *words):
    options = machine.Options(guest=version, mem=mem)
    return guest.Guest(host, options, name=name,
                       extra=_configure(host, name, *words))


def _sum(kernel, name):
    return kernel.sh("md5sum " + name).split()[0]


def _features(inner, nic):
    """The negotiated feature bits."""
    text = inner.sh("cat /sys/class/net/%s/device/features" % nic).strip()
    return {n for n, bit in enumerate(text) if bit == "1"}


def _mac(inner, nic):
    return inner.sh("cat /sys/class/net/%s/address" % nic).strip()


# ---- what a copy costs ------------------------------------------------------

def _copies(t, host, inner, nic, source, sink):
    """Both ways, with a web server on each side."""
    mib = _mibs(t)[inner.options.guest]
    want = _sum(host, "/tmp/www/%d" % mib)
    for way, seen, reader, url, to in (
            ("in", "rx", inner, source, "/tmp/www/%d" % mib),
            ("out", "tx", host, sink, "/tmp/copy")):
        before = _counts(host)[nic]
        reader.sh("wget -q -O %s %s/%d" % (to, url, mib))
        after = _counts(host)[nic]
        more = {key: after[key] - before[key] for key in after
                if isinstance(after[key], int)}
        t.equal(_sum(reader, to), want, "%s: %d MiB %s arrive whole" % (
            nic, mib, way))
        t.check(more[seen + "_bytes"] > mib << 20,
                "%s: and are counted" % nic, more)
        t.info("%s, %s, a MiB: %.0f frames in and %.0f out, %.1f doorbells, "
               "%.1f interrupts" % (nic, way, *(more[key] / mib for key in (
                   "rx_frames", "tx_frames", "doorbells", "interrupts"))))


def _counts(host):
    return json.loads(host.sh("cvmctl stats --json " + NAME))["devices"]


# ---- slirp ------------------------------------------------------------------

def _lease(inner, nic):
    """What DHCP says: address, router, name server, host name."""
    inner.sh("cat >/tmp/dhcp <<'END'\n%sEND\nchmod +x /tmp/dhcp" % DHCP)
    return inner.sh("ip link set %s up; udhcpc -n -q -i %s -s /tmp/dhcp "
                    "2>/dev/null" % (nic, nic)).split()


def _slirp_begin(t, inner):
    t.equal(_lease(inner, "eth0"), ["10.0.2.15/24", "10.0.2.2", "10.0.2.3", NAME],
            "DHCP gives address, router, name server and the VM's name")
    text = inner.sh("nslookup www.example.org")
    t.check(NAMED in text, "the name server knows what the host's knows", text)
    text = inner.sh("until ip -6 addr show dev eth0 | grep -q 'inet6 fec0:'; "
                    "do usleep 100000; done; wget -q -O - "
                    "http://[fec0::2]:8006/ip6")
    t.equal(text, "by IPv6\n", "an IPv6 address comes by itself, and reaches "
            "the host")


def _resolv(host, text):
    host.sh("printf '%s' >/tmp/conf; cp /tmp/conf /etc/resolv.conf" % text)


def _names(t, host, inner, what):
    text = inner.sh("nslookup www.example.org || true")
    t.check(NAMED in text, what, text)


def _resolvers(t, host, inner):
    """The host's name servers are others, as a VPN makes them."""
    host.sh("cp /etc/resolv.conf /tmp/before")
    _resolv(host, "nameserver 127.0.0.9\\nnameserver 127.0.0.1\\n")
    _names(t, host, inner, "the second name server answers where the first "
           "is silent")
    _resolv(host, "nameserver 127.0.0.9\\n")
    host.sh("mkdir /run/vpn; echo nameserver 127.0.0.1 >/run/vpn/conf; "
            "ln -sf /run/vpn/conf /etc/resolv.conf")
    _names(t, host, inner, "a link to another directory is followed while "
           "the guest runs")
    host.sh("rm -r /run/vpn /etc/resolv.conf; cp /tmp/before "
            "/etc/resolv.conf")
    _names(t, host, inner, "and so is the file that it was before")


def _slirp(t, host, inner):
    _slirp_begin(t, inner)
    _resolvers(t, host, inner)
    t.check({0, 1, 11, 12, 15, 16} <= _features(inner, "eth0"),
            "slirp: checksums, segmentation, mergeable buffers and link "
            "status are negotiated", _features(inner, "eth0"))
    inner.sh("mkdir /tmp/www; httpd -p 80 -h /tmp/www")
    _copies(t, host, inner, "eth0", "http://10.0.2.2:8000",
            "http://127.0.0.1:8080")
    ports = host.sh("netstat -ltn")
    t.check("127.0.0.1:8080" in ports and "0.0.0.0:8081" in ports,
            "a forwarded port is open on the loopback address, or the named "
            "one", ports)
    _rebind(t, inner)


# The driver goes and comes back in the midst of a copy.
REBIND = """\
nic=/sys/class/net/eth0
dev=$(basename $(readlink $nic/device))
before=$(cat $nic/statistics/rx_packets)
wget -q -O /dev/null http://10.0.2.2:8000/64 &
until [ $(cat $nic/statistics/rx_packets) -gt $((before + 1000)) ]; do
	usleep 10000
done
echo $dev >/sys/bus/virtio/drivers/virtio_net/unbind
echo $dev >/sys/bus/virtio/drivers/virtio_net/bind
kill $!
"""


def _rebind(t, inner):
    inner.sh(REBIND)
    lease = _lease(inner, "eth0")
    text = inner.sh("wget -q -O - http://10.0.2.2:8000/ip6")
    t.check(NAME in lease and text == "by IPv6\n",
            "the driver lets a card go in the midst of data and takes it "
            "again", (lease, text))


# ---- tap --------------------------------------------------------------------

def _carrier(inner, nic, wanted):
    inner.sh("until [ \"$(cat /sys/class/net/%s/carrier)\" = %d ]; do "
             "usleep 50000; done" % (nic, wanted), limit=60)


def _grown(host, nic, key, before, by):
    """All counters, once this one is larger by so much, or after a minute."""
    for _ in range(600):
        now = _counts(host)[nic]
        if now[key] >= before[key] + by:
            break
        time.sleep(0.1)
    return now


def _unwanted(t, host, inner):
    """Three frames for another card, then for one that wants all."""
    host.sh("arp -i tap0 -s 192.168.77.9 02:00:00:00:00:99")
    before = _counts(host)["eth1"]
    host.sh("ping -c 3 -W 1 192.168.77.9 || true")
    after = _grown(host, "eth1", "rx_unwanted", before, 3)
    t.check(after["rx_unwanted"] >= before["rx_unwanted"] + 3,
            "frames for another card stay outside", (before, after))
    inner.sh("ip link set eth1 promisc on")
    host.sh("ping -c 3 -W 1 192.168.77.9 || true")
    more = _grown(host, "eth1", "rx_frames", after, 3)
    t.check(more["rx_frames"] >= after["rx_frames"] + 3,
            "they come in when the guest's card is promiscuous", (after, more))
    inner.sh("ip link set eth1 promisc off")


def _tap(t, host, inner):
    t.equal(_mac(inner, "eth1"), MAC, "a card has the MAC it was given")
    inner.sh("ip addr add 192.168.77.2/24 dev eth1; ip link set eth1 up")
    t.check({0, 1, 2, 7, 8, 11, 12, 15, 16} <= _features(inner, "eth1"),
            "tap: checksums, long segments both ways and mergeable buffers "
            "are negotiated", _features(inner, "eth1"))
    _copies(t, host, inner, "eth1", "http://192.168.77.1:8000",
            "http://192.168.77.2:80")
    _carrier(inner, "eth1", 1)
    _unwanted(t, host, inner)
    host.sh("ip link set tap0 down")
    _carrier(inner, "eth1", 0)
    host.sh("ip link set tap0 up")
    _carrier(inner, "eth1", 1)
    t.equal(inner.sh("wget -q -O - http://192.168.77.1:8000/ip6"),
            "by IPv6\n", "the cable is out and in again with the host's "
            "interface, and carries data then")


def _all(t, host, version):
    """Two cards, of both kinds; the MAC address of the derived one."""
    with _guest(host, version, NAME, 256 + 2 * _mibs(t)[version],
                "eth0=slirp,,tcp:8080:80/tcp:0.0.0.0:8081:81",
                "eth1=tap,tap0," + MAC) as inner:
        mac = _mac(inner, "eth0")
        t.check(mac.startswith("02:"), "a card without a MAC gets one", mac)
        _slirp(t, host, inner)
        _tap(t, host, inner)
        _refused(t, host, "tap,tap0", "tap0: in use", "a tap of another VM")
        t.equal(inner.sh("cat /sys/hypervisor/cvm/recorder"), "",
                "the hardware-access recorder is empty")
        inside.clean(t, inner.sh("dmesg"), "the guest's log is clean")
    return mac


# ---- two VMs ----------------------------------------------------------------

def _bridge(t, host):
    host.sh("brctl addbr br0; for n in 1 2; do brctl addif br0 tap$n; "
            "ip link set tap$n up; done; ip link set br0 up")
    with _guest(host, t.guests[0], "one", TWO_MIB, "eth0=slirp,,tcp:8091:80",
                "eth1=tap,tap1") as one, \
            _guest(host, t.guests[-1], "two", TWO_MIB,
                   "eth0=slirp,,tcp:8092:80",
                   "eth1=tuntap,tap2", "eth3=slirp") as two:
        macs = [_mac(one, "eth0"), _mac(one, "eth1"), _mac(two, "eth0"),
                _mac(two, "eth1"), _mac(two, "eth2")]
        t.equal(len(set(macs)), 5, "five cards of two VMs have five MACs")
        t.equal(_lease(two, "eth2")[:2], ["10.0.3.15/24", "10.0.3.2"],
                "a VM's second slirp is another network")
        for inner, address in ((one, "10.7.0.1"), (two, "10.7.0.2")):
            inner.sh("mkdir /tmp/w; echo %s >/tmp/w/name; httpd -p 80 -h "
                     "/tmp/w; ip addr add %s/24 dev eth1; ip link set eth1 "
                     "up; ip addr add 10.0.2.15/24 dev eth0; ip link set "
                     "eth0 up" % (address, address))
        t.equal(two.sh("wget -q -O - http://10.7.0.1/name"), "10.7.0.1\n",
                "two VMs reach each other through a bridge")
        got = host.sh("for n in 1 2; do wget -q -O - "
                      "http://127.0.0.1:809$n/name; done")
        t.equal(got, "10.7.0.1\n10.7.0.2\n",
                "two VMs have a slirp network and a forward of their own")
        host.sh("ip link del tap2")
        _carrier(two, "eth1", 0)
        t.check(True, "a deleted interface is a cable that is out")


# ---- refusals ---------------------------------------------------------------

def _refused(t, host, nic, words, what, before=()):
    _configure(host, "bad", "kernel=" + machine.guest_file(t.guest), "mem=64",
               "eth0=" + nic)
    proc = host.run([*before, "cvmctl", "run", "@" + CONFIG % "bad"],
                    limit=120)
    text = proc.err.decode("utf-8", "replace").strip()
    t.check(proc.status == REFUSED and "\n" not in text and words in text,
            "%s: \"%s\"" % (what, text), "status %d" % proc.status)


def _refusals(t, host):
    _refused(t, host, "slirp,,tcp:8070:80/tcp:8000:80", "8000", "a port that "
             "is taken")
    _refused(t, host, "tap,none", "no such interface", "no such tap")
    _refused(t, host, "tap,br0", "no tap", "an interface that is no tap")
    _refused(t, host, "tap,other", "another user", "a tap of somebody else",
             ("nethelp", "no-net-admin"))
    _refused(t, host, "slirp,02:00:00:00:00", "MAC", "a MAC of five bytes")
    _refused(t, host, "slirp,,tcp:22", "guest's port", "a forward to nowhere")
    _refused(t, host, "slurp", "use slirp or tap", "an unknown word")
    _refused(t, host, "pcap-bridge,LAN", "bridge of the host",
             "a kind that only coLinux has")
    t.equal(host.sh("cvmctl list --json").strip(), "[]", "no VM is left")
    t.check(":8070" not in host.sh("netstat -ltn"),
            "no port of a refused VM is left open")


def run(t):
    helper = build.static_program(paths.PROGRAMS / "nethelp.c")
    mibs = _mibs(t)
    options = machine.Options(guest=t.guest, guests=t.guests, modules=("tun", "bridge"),
                              host_mem=768 + 6 * max(mibs.values()),
                              files={"lab/bin/nethelp": helper.read_bytes()})
    with machine.Machine(options) as host:
        sizes = {MIBS[0], *mibs.values()}
        host.sh(HOST % (" ".join(map(str, sizes)), NAMED))
        macs = []
        for version in mibs:
            t.info("guest %s" % version)
            macs.append(_all(t, host, version))
        t.equal(len(set(macs)), 1, "the MAC of a VM is the same every time")
        _bridge(t, host)
        _refusals(t, host)
        inside.pages_back(t, host, "all pages came back")
        inside.clean(t, host.sh("dmesg"), "the host's log is clean")
