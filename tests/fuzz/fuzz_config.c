// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_config.c - any text as a configuration.
 *
 * A byte of 1 ends a file and begins the next; what follows a byte of 2 are
 * words of the command line.
 */
#include <string.h>

#include "replay.h"
#include "cvmctl/config/config.h"
#include "os/os.h"

#define ROOM	1024u

static struct {
	unsigned long good, disks, aliases, nics, programs, ttys, roots, noted;
} fuzz_count;

/* (output.c asks; there is no terminal here.) */
int os_colours(void)
{
	return 0;
}

/* ---- what holds of every configuration that is taken ---- */

static void check_disks(const struct config *config)
{
	const struct config_disk *disk, *other;

	for (disk = config->disk; disk < config->disk + CONFIG_DISKS; disk++) {
		if (!disk->path)
			continue;
		require(*disk->path && disk->queues <= 16);
		require(memchr(disk->serial, '\0', sizeof(disk->serial)));
		require(memchr(disk->alias, '\0', sizeof(disk->alias)));
		for (other = config->disk; other < disk; other++)
			require(!*disk->alias ||
				strcmp(disk->alias, other->alias));
		fuzz_count.disks++;
		fuzz_count.aliases += !!*disk->alias;
	}
}

static void check_nics(const struct config *config)
{
	const struct config_nic *nic;
	unsigned int i;

	for (i = 0; i < CONFIG_NICS; i++) {
		nic = &config->nic[i];
		if (!*nic->name)
			continue;
		require(nic->args.forwards <= VIRTIO_NET_FORWARDS);
		require(nic->mac_given ? !(nic->args.mac[0] & 1) :
			!nic->args.mac[0]);
		fuzz_count.nics++;
	}
}

static void check(const struct config *config)
{
	unsigned int i;

	check_disks(config);
	check_nics(config);
	for (i = 0; i < CONFIG_TTYS; i++) {
		require(!config->tty[i].mode || config->tty[i].path);
		fuzz_count.ttys += !!config->tty[i].name[0];
	}
	for (i = 0; i < CONFIG_EXECS; i++) {
		require(config->exec[i].program || !config->exec[i].args);
		fuzz_count.programs += !!config->exec[i].program;
	}
	require(strstr(config->cmdline, "console="));
	fuzz_count.roots += !!strstr(config->cmdline, "=/dev/vd");
	fuzz_count.good++;
}

/* ---- reading ---- */

/* The words between blanks, as a shell would give them. */
static int read_words(struct config_sources *sources, char *text,
		      struct problem *problem)
{
	const char *word[32];
	int words = 0;
	char *at;

	for (at = strtok(text, " \n"); at && words < 32;
	     at = strtok(NULL, " \n"))
		word[words++] = at;
	return config_words(sources, word, words, problem);
}

static int read_all(struct config_sources *sources, const uint8_t *data,
		    size_t size, struct problem *problem)
{
	char text[ROOM + 1];
	size_t from = 0, at;
	int ret = 0;

	for (at = 0; at < size && !ret && data[at] != 2; at++) {
		if (data[at] != 1)
			continue;
		ret = config_text(sources, "x", (const char *)data + from,
				  at - from, problem);
		from = at + 1;
	}
	if (!ret)
		ret = config_text(sources, "x", (const char *)data + from,
				  at - from, problem);
	if (!ret && at < size) {
		memcpy(text, data + at + 1, size - at - 1);
		text[size - at - 1] = '\0';
		ret = read_words(sources, text, problem);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_sources sources;
	static struct config config;
	struct problem problem = { "" };

	if (size > ROOM)
		return 0;
	memset(&config, 0, sizeof(config));
	if (read_all(&sources, data, size, &problem) ||
	    config_read(&config, &sources, &problem)) {
		require(!strncmp(problem.text, "x:", 2) ||
			!strncmp(problem.text, "command line: ", 14));
		require(memchr(problem.text, '\0', sizeof(problem.text)));
	} else {
		require(!problem.text[0]);
		check(&config);
		fuzz_count.noted += !!sources.notes;
	}
	config_free(&sources);
	return 0;
}

/* ---- for replay.c -------------------------------------------------------- */

static size_t used;

static size_t config_seed(uint8_t *data)
{
	static const char *const words[] = {
		"kernel=vmlinux", "initrd=\"a b\"", "mem=64", "mem=1G",
		"name=web", "user=nobody", "cobd0=root.img", "cobd1=/dev/sdb",
		"cobd31=\"x, y\"", "scsi0=disk,a,64", "scsi1=cdrom,\"c,d\"",
		"hda1=:cobd0", "hdb=image", "sda3=:cobd1", "setcobd=async",
		"setcobd0=readonly,queues=4", "setscsi0=serial=A1,cached",
		"eth0=slirp", "eth1=tap,tap0,02:00:00:00:00:01",
		"eth2=slirp,,tcp:2222:22/udp:1000:1000:3",
		"ttys0=pty", "ttys1=/dev/ttyS0,\"BAUD=9600 PARITY=n\"",
		"ttys2=file:\"a,b\"", "ttys31=console",
		"exec0=xterm,\"-e \"\"a b\"\"\"", "exec7=/bin/true",
		"cocon=80x25x500", "cursor=50", "color=gray,black",
		"pci0=0,scsi,0", "video0=4", "root=/dev/cobd0",
		"root=/dev/hda1", "root=/dev/sda2", "ro", "quiet",
		"# comment", "x=\"#\"", "init=/bin/sh",
	};
	uint32_t count = 1 + fuzz_dice(12);
	size_t n;

	for (used = 0; count--; used += n) {
		n = (size_t)snprintf((char *)data + used, ROOM - used, "%s%c",
				     words[fuzz_dice(sizeof(words) /
						     sizeof(words[0]))],
				     "\n\n\n\n \t\1\2"[fuzz_dice(8)]);
	}
	return used;
}

static void config_hot(uint32_t *at, uint32_t *bytes)
{
	*at = 0;
	*bytes = (uint32_t)used;
}

static int config_report(unsigned long inputs)
{
	printf("%lu inputs: %lu taken, with %lu disks, %lu aliases, %lu "
	       "cards, %lu programs, %lu ttys, %lu roots, %lu notes\n", inputs,
	       fuzz_count.good, fuzz_count.disks, fuzz_count.aliases,
	       fuzz_count.nics, fuzz_count.programs, fuzz_count.ttys,
	       fuzz_count.roots, fuzz_count.noted);
	return fuzz_count.good < inputs / 10 ||
	       fuzz_count.disks < inputs / 20 ||
	       fuzz_count.aliases < inputs / 100 ||
	       fuzz_count.roots < inputs / 500 ||
	       fuzz_count.nics < inputs / 50;
}

const struct fuzz_target fuzz_target = {
	.name = "fuzz_config",
	.max = ROOM,
	.seed = config_seed,
	.hot = config_hot,
	.report = config_report,
};
