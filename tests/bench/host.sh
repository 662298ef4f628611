#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rows of devices in several worlds, one after the other: host.sh WORLD...
# Every world has the same disk, a file on tmpfs, and the same server to talk
# to; the native one has a RAM disk and the loopback interface.  $GUEST is the
# directory of the guest's files, $KERNEL the one of these for cvmctl.
DISK=/tmp/disk
TRACE=/sys/kernel/tracing
INITRD=$GUEST/initrd
APPEND="nokaslr norandmaps random.trust_cpu=off cvm.lab=auto"

tap()	# NAME ADDRESS
{
	tunctl -t $1 >/dev/null
	ip addr add $2/24 dev $1
	ip link set $1 up
}

# The host's side of "@count WORLD ROW WHEN".
count()
{
	[ $2 != guest ] && [ $2 != slirp ] ||
		echo "@stats $(cvmctl stats --json bench | tr -d '\n')"
	[ $3 = syncs ] || return
	case $4 in
	begin*)	echo syncs 0
		echo 1 >$TRACE/events/kprobes/sync/enable ;;
	*)	awk '$1 == "sync" { print "syncs", $2 }' $TRACE/kprobe_profile
		echo 0 >$TRACE/events/kprobes/sync/enable
		echo >$TRACE/kprobe_events
		echo 'p:sync vfs_fsync_range' >$TRACE/kprobe_events ;;
	esac
}

watch()
{
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		"@count "*) count $line ;;
		esac
	done
}

native()
{
	dd if=$DISK of=/dev/ram0 bs=1M 2>/dev/null
	/lab/bench/rows.sh native
}

guest()
{
	tap cvm0 10.1.0.1
	cat >/tmp/bench.conf <<-END
		name=bench
		kernel=$KERNEL
		initrd=$INITRD
		mem=192
		cobd0=$DISK
		eth0=tuntap,cvm0
		eth1=slirp
	END
	cvmctl run --config /tmp/bench.conf --detach-key none \
		--cmdline "console=hvc0 $APPEND cvm.world=guest"
}

kvm()
{
	tap kvm0 10.2.0.1
	qemu-system-x86_64 -L /lab/qemu -M q35,sata=off,smbus=off,vmport=off \
		-accel kvm -cpu host,xsave=off -m 192 -nodefaults -no-user-config \
		-display none -serial stdio -no-reboot \
		-kernel $GUEST/bzImage -initrd $INITRD \
		-append "console=ttyS0 $APPEND cvm.world=kvm" \
		-object iothread,id=io \
		-blockdev driver=file,node-name=d,filename=$DISK,aio=io_uring \
		-device virtio-blk-pci,drive=d,iothread=io \
		-netdev tap,id=n,ifname=kvm0,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n,romfile=
}

uml()
{
	tap uml0 10.3.0.1
	linux.uml mem=192M initrd=$INITRD ubd0=$DISK con=null \
		con0=null,fd:1 vec0:transport=tap,ifname=uml0,depth=64 \
		$APPEND cvm.world=uml
}

dd if=/dev/urandom of=$DISK bs=1M count=16 2>/dev/null
echo 'p:sync vfs_fsync_range' >$TRACE/kprobe_events
tcpb serve 5001 &
for world; do
	echo "@world $world"
	$world </dev/null 2>&1 | watch
done
kill %1
