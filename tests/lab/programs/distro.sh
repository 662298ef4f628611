# SPDX-License-Identifier: GPL-2.0-only
#
# What a distribution's own kernel is to do in a guest: run by a shell in it,
# with its parts as arguments.  Each line that begins with @ is for the suite.
PATH=$PATH:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
exec 2>&1
mkdir -p /root/try /mnt/try
cd /root/try

try() {	# try WHAT COMMAND...
	what=$1
	shift
	if out=$("$@" 2>&1); then
		echo "@ok $what"
	else
		echo "@no $what: $(echo "$out" | tail -n 8 | tr '\n' ';')"
	fi
}

install() {
	apt-get -q -y -o Acquire::Retries=3 -o Acquire::Languages=none \
		-o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
}

# ---- with what every image has -------------------------------------------

its_own() {
	[ "$(basename "$(readlink /vmlinuz)")" = "vmlinuz-$(uname -r)" ]
}

running() {
	[ "$(systemctl is-system-running --wait)" = running ] ||
		{ systemctl --failed --no-legend --plain; false; }
}

# Of what needs no hardware.
modules() {
	before=$(lsmod | wc -l)
	find "/lib/modules/$(uname -r)/kernel" \( -path '*/net/netfilter/*' -o \
		-path '*/net/sched/*' -o -path '*/fs/nls/*' -o -path '*/fs/btrfs/*' \
		-o -path '*/fs/xfs/*' -o -path '*/fs/overlayfs/*' -o \
		-path '*/net/bridge/*' -o -path '*/net/vxlan/*' \) -name '*.ko*' |
		sed 's,.*/,,; s/\.ko.*//' | sort | head -n 60 >list
	[ "$(wc -l <list)" -ge 50 ] || { echo "only $(wc -l <list)"; return 1; }
	xargs -n 1 modprobe <list || return 1
	after=$(lsmod | wc -l)
	[ $((after - before)) -ge 50 ] || { echo "$before $after"; false; }
}

unload() {
	xargs -n 1 modprobe -qr <list
	xargs -n 1 modprobe <list
}

bridge() {
	ip link add br9 type bridge && ip link add v9 type veth peer name w9 &&
		ip link set v9 master br9 && ip addr add 10.9.9.1/24 dev br9 &&
		ip link set br9 up && ip link set v9 up && ip link set w9 up &&
		ip netns add other && ip link set w9 netns other &&
		ip netns exec other ip addr add 10.9.9.2/24 dev w9 &&
		ip netns exec other ip link set w9 up &&
		ping -c 3 -w 30 10.9.9.2
}

tracing=/sys/kernel/tracing

functions() {
	[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing || return 1
	echo function >$tracing/current_tracer || return 1
	cat /proc/version >/dev/null
	grep -q 'vfs_read' $tracing/trace
	found=$?
	echo nop >$tracing/current_tracer
	return $found
}

probe() {
	echo 'p:cvmtry do_sys_openat2' >$tracing/kprobe_events &&
		echo 1 >$tracing/events/kprobes/cvmtry/enable || return 1
	cat /proc/version >/dev/null
	grep -q cvmtry $tracing/trace
	found=$?
	echo 0 >$tracing/events/kprobes/cvmtry/enable
	echo >$tracing/kprobe_events
	return $found
}

# ---- with packages -------------------------------------------------------

filter() {
	nft add table ip t && nft add chain ip t c \
		'{ type filter hook input priority 0; }' &&
		nft add rule ip t c ip saddr 127.0.0.1 counter &&
		ping -c 2 127.0.0.1 && nft list ruleset | grep 'packets [1-9]'
}

# A file system where something is written, read again and checked.
used() {	# used DEVICE OPTIONS
	mount $2 "$1" /mnt/try && head -c 20000000 /dev/urandom >data &&
		cp data /mnt/try && sync && umount /mnt/try &&
		mount $2 "$1" /mnt/try && cmp data /mnt/try/data && umount /mnt/try
}

btrfs_() {
	mkfs.btrfs -q -f /dev/vdc && used /dev/vdc '-o compress=zstd'
}

volumes() {
	pvcreate -q /dev/vdd && vgcreate -q vg9 /dev/vdd &&
		lvcreate -q -y -L 100M -n one vg9 && mkfs.ext4 -q /dev/vg9/one &&
		used /dev/vg9/one '' && lvcreate -q -y -s -L 20M -n two vg9/one &&
		vgchange -q -an vg9
}

encrypted() {
	echo secret >key
	cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		/dev/vde key && cryptsetup open --key-file key /dev/vde dark &&
		mkfs.ext4 -q /dev/mapper/dark && used /dev/mapper/dark '' &&
		cryptsetup close dark
}

container() {
	mkdir -p box/bin && cp /bin/busybox box/bin && ln -sf busybox box/bin/sh &&
		tar -C box -c . | podman import -q - box || return 1
	podman run --rm --network none box sh -c 'echo inside' | grep -x inside
}

dkms_() {
	mkdir -p /usr/src/try9-1
	cat >/usr/src/try9-1/dkms.conf <<-'END'
		PACKAGE_NAME=try9
		PACKAGE_VERSION=1
		BUILT_MODULE_NAME=try9
		DEST_MODULE_LOCATION=/updates
		AUTOINSTALL=yes
	END
	echo obj-m := try9.o >/usr/src/try9-1/Makefile
	cat >/usr/src/try9-1/try9.c <<-'END'
		#include <linux/io.h>
		#include <linux/module.h>
		static int __init try9(void)
		{
			return inb(0x80) == 0xff ? 0 : -EIO;
		}
		static void __exit left(void)
		{
		}
		module_init(try9);
		module_exit(left);
		MODULE_LICENSE("GPL");
	END
	dkms install try9/1 && modprobe try9 && modprobe -r try9
}

perf_() {
	perf stat -e task-clock,context-switches true &&
		perf record -e cpu-clock -o perf.data -g sleep 1 &&
		perf report -i perf.data --stdio | grep -q Samples
}

bpf() {
	bpftrace -e 'kprobe:vfs_read { @n = count(); } interval:s:2 { exit(); }' |
		grep '@n: [1-9]'
}

for part; do
	case $part in
	usual)
		try "the kernel is the one that its disk has" its_own
		try "systemd has started everything" running
		try "50 modules are loaded" modules
		try "and unloaded and loaded again" unload
		try "a bridge carries packets" bridge
		try "ftrace" functions
		try "a kprobe" probe
		;;
	update) try "apt-get update" apt-get -q -o Acquire::Retries=3 update ;;
	filter)
		try "nftables is installed" install nftables
		try "nftables counts" filter
		;;
	disks)
		try "tools for disks are installed" install btrfs-progs lvm2 \
			cryptsetup-bin
		try "btrfs on a virtio disk" btrfs_
		try "LVM on a virtio disk" volumes
		try "LUKS on a virtio disk" encrypted
		;;
	container)
		try "podman is installed" install podman crun busybox-static
		try "podman runs a container" container
		;;
	tools)
		try "perf and bpftrace are installed" install linux-perf bpftrace
		try "perf" perf_
		try "bpftrace" bpf
		;;
	dkms)
		try "dkms is installed" install dkms gcc make \
			"linux-headers-$(uname -r)"
		try "dkms builds a module, which runs" dkms_
		;;
	*) try "$part is installed" install "$part" ;;
	esac
done
try "the hardware-access recorder is empty" \
	sh -c 'r=$(cat /sys/hypervisor/cvm/recorder) && echo "$r" && [ -z "$r" ]'
try "the kernel's log has no complaint" sh -c '! dmesg |
	grep -E "WARNING:|BUG:|Oops|Call Trace|unhandled|soft lockup"'
echo "@end"
