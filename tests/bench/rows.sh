#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rows of devices in one world: rows.sh WORLD.  Around each stands what was
# counted before and after it; the host, which reads the console, adds its own
# counters there, and the pauses give it the time to.
export PATH=/lab/bin:/sbin:/bin
world=$1
PORT=5001

up()	# INTERFACE ADDRESS
{
	ip addr add $2/24 dev $1 && ip link set $1 up
}

case $world in
native)	disk=/dev/ram0; nets=native:127.0.0.1 ;;
guest)	disk=/dev/vda; nets="guest:10.1.0.1 slirp:10.0.2.2"
	up eth0 10.1.0.2; up eth1 10.0.2.15 ;;
kvm)	disk=/dev/vda; nets=kvm:10.2.0.1; up eth0 10.2.0.2 ;;
uml)	disk=/dev/ubda; nets=uml:10.3.0.1; up vec0 10.3.0.2 ;;
esac

count()	# WORLD ROW WHEN
{
	usleep 100000
	echo "@count $1 $2 $3"
	awk '/virtio|ubd|vector/ { n += $2 }
	     END { print "interrupts", n + 0 }' /proc/interrupts
	usleep 100000
}

row()	# WORLD ROW COMMAND...
{
	w=$1 r=$2
	shift 2
	count $w $r begin
	"$@" || echo "@failed $w $r"
	count $w $r end
}

for name in block_4k block_4k_q32 block_64k block_1m block_flush; do
	row $world $name iob $name $disk
done
# The host watches its own syncs here, so that this one is no row.
row $world syncs iob block_flush $disk
for net in $nets; do
	for name in tcp_rr tcp_stream; do
		row ${net%:*} $name tcpb $name ${net#*:} $PORT
	done
done
echo "@done $world"
