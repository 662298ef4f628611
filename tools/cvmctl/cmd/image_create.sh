# SPDX-License-Identifier: GPL-2.0-only
#
# What `cvmctl image create` runs: Debian's programs, one after the other.
#
# IMAGE_PART	the file to make, which cvmctl renames in the end
# IMAGE_BYTES	its size
# IMAGE_SUITE	bookworm, trixie, ...
# IMAGE_MIRROR	as mmdebstrap takes it, or empty for its own choice
# IMAGE_PACKAGES	all packages, with commas
# IMAGE_HOSTNAME, IMAGE_KEYS	the latter may be empty
# IMAGE_ASKS	password, or empty: logins at the console ask for nothing
# IMAGE_INITRD	image_initrd.sh, or nothing to do
# IMAGE_SETUP	image_setup.sh
#
# Its stdin is root's password, or empty.
#
# root does this as it is; a user does it in a user namespace that mmdebstrap
# makes, where the ranges of /etc/subuid and /etc/subgid are users, and copies
# the image out of it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
password=$(cat)
work=$(mktemp -d "${TMPDIR:-/tmp}/cvmctl-image.XXXXXX")
chmod 755 "$work"
work=$(cd "$work" && pwd)
helper=
out=
child=

# The shell takes a signal while it waits, not while a command has the floor.
run() {
	"$@" </dev/null &
	child=$!
	wait $child
	child=
}

run_there() {
	run sh -c 'cd "$0" && exec "$@"' "$place" $helper "$@"
}

clean() {
	status=$?
	trap '' HUP INT TERM
	trap - EXIT
	if [ "$child" ]; then
		kill $child 2>/dev/null || :
		wait $child || :
	fi
	$helper rm -rf --one-file-system "$work/root" 2>/dev/null || :
	rm -rf --one-file-system "$work" ${out:+"$out"}
	[ $status = 0 ] || rm -f "$IMAGE_PART"
	exit $status
}
trap clean EXIT
trap 'exit 130' HUP INT TERM

for program in mmdebstrap:mmdebstrap mke2fs:e2fsprogs; do
	command -v ${program%:*} >/dev/null || {
		echo "E: no ${program%:*} here: apt-get install ${program#*:}"
		exit 1
	}
done
if [ "$(id -u)" = 0 ]; then
	mode=root
	place=.
	image=$IMAGE_PART
else
	mode=unshare
	helper="mmdebstrap --unshare-helper"
	# The namespace's root may not enter the outer directory, only be in the
	# inner one from the beginning; others can do neither.
	out=$(mktemp -d "${TMPDIR:-/tmp}/cvmctl-image.XXXXXX")
	place=$out/in
	image=image
	mkdir "$place"
	chmod 777 "$place"
fi
IMAGE_UUID=$(cat /proc/sys/kernel/random/uuid)
export IMAGE_UUID

echo "I: writing to $work/root"
# What dpkg writes need not survive a power cut: half an image is removed.
run mmdebstrap --verbose --mode=$mode --format=directory --variant=minbase \
	--dpkgopt=force-unsafe-io --include="$IMAGE_PACKAGES" \
	--essential-hook="$IMAGE_INITRD" --customize-hook="$IMAGE_SETUP" \
	"$IMAGE_SUITE" "$work/root" ${IMAGE_MIRROR:+"$IMAGE_MIRROR"}

if [ "$password" ]; then
	printf 'root:%s\n' "$password" |
		$helper chroot "$work/root" chpasswd
fi

echo "I: making the file system..."
echo "I: writing to ${out:+$place/}$image"
run_there truncate -s "$IMAGE_BYTES" "$image"
run_there mke2fs -q -t ext4 -U "$IMAGE_UUID" -d "$work/root" "$image"
if [ $mode = unshare ]; then
	echo "I: writing to $IMAGE_PART"
	run cp --sparse=always "$place/$image" "$IMAGE_PART"
fi
