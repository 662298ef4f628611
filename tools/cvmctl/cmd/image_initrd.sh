# SPDX-License-Identifier: GPL-2.0-only
#
# What the kernel's package is to find when it makes its initrd: mmdebstrap
# runs this with the new root as $1, before the kernel is installed.
#
# All drivers that Debian has would be 50 MiB of the guest's memory.  Named are
# those of a guest's devices and of its file system, which are loaded then: where virtio itself is a
# module nobody sees its devices before that.  The packages of other file
# systems, of LVM and of LUKS add their own.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/modules"
cat >"$1/etc/initramfs-tools/modules" <<END
# List of modules that you want to include in your initramfs.
# They will be loaded at boot time in the order below.
virtio_blk
virtio_net
virtio_console
virtio_rng
ext4
END
