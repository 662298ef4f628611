# SPDX-License-Identifier: GPL-2.0-only
#
# What makes an installed Debian an image's own: mmdebstrap runs this with the
# new root as $1, after all packages are there.  image_create.sh has the
# variables.
set -eu
root=$1

write() {	# write FILE: what stands on stdin
	mkdir -p "$(dirname "$root$1")"
	cat >"$root$1"
}

echo "$IMAGE_HOSTNAME" | write /etc/hostname
write /etc/hosts <<END
127.0.0.1	localhost
127.0.1.1	$IMAGE_HOSTNAME
::1		localhost ip6-localhost ip6-loopback
END
echo LANG=C.UTF-8 | write /etc/default/locale

# Found by its UUID the root is, whatever disk or partition the image becomes.
write /etc/fstab <<END
UUID=$IMAGE_UUID / ext4 discard,errors=remount-ro 0 1
END

write /etc/systemd/network/80-dhcp.network <<END
[Match]
Name=en* eth*

[Network]
DHCP=yes
END
chroot "$root" systemctl -q enable systemd-networkd systemd-resolved
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

if [ "$IMAGE_KEYS" ]; then
	printf '%s\n' "$IMAGE_KEYS" | write /root/.ssh/authorized_keys
	chmod 700 "$root/root/.ssh"
	chmod 600 "$root/root/.ssh/authorized_keys"
fi

# Who has hvc0, the console, has the machine.  Without a password there is
# nothing to ask, and no other way to become root.
if [ -z "$IMAGE_ASKS" ]; then
	write /etc/systemd/system/serial-getty@hvc0.service.d/autologin.conf <<'END'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,57600,38400,9600 - $TERM
END
fi

# image_create.sh's option for dpkg was for the making only.
rm "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
