// SPDX-License-Identifier: GPL-2.0-only
/*
 * image_progress.c - progress and errors, from mmdebstrap's output.
 *
 * "I: ..." begins a step.  Inside one, apt and dpkg name each package they
 * fetch, unpack or set up, and apt told before how many there will be.
 */
#include <stdio.h>
#include <string.h>

#include "image.h"

static const struct step {
	const char *line;	/* how its line begins */
	const char *what;
	unsigned int until;	/* permille of the whole at its end */
	const char *item;	/* how the line of a package begins, or NULL */
	unsigned int rounds;	/* such lines for each package */
} steps[] = {
	{ "", "starting", 0, NULL, 1 },
	{ "I: running apt-get update", "reading Debian's package lists", 60,
	  NULL, 1 },
	{ "I: downloading packages", "fetching the base system", 200, "Get:",
	  1 },
	{ "I: extracting archives", "unpacking the base system", 300, NULL,
	  1 },
	{ "I: installing essential", "installing the base system", 500,
	  "Setting up ", 1 },
	{ "I: installing remaining", "installing packages", 900,
	  "Get:|Unpacking |Setting up ", 3 },
	{ "I: running --customize-hook", "setting the system up", 920, NULL,
	  1 },
	{ "I: cleaning package lists", "cleaning up", 930, NULL, 1 },
	{ "I: making the file system", "making the file system", 1000, NULL,
	  1 },
};

/* Names the file or directory that the next step writes to. */
#define PLACE "I: writing to "

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static int begins(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* Does the line begin with one of the words, which are separated by |? */
static int begins_any(const char *line, const char *words)
{
	size_t len;

	for (; words; words = strchr(words, '|')) {
		words += *words == '|';
		len = strcspn(words, "|");
		if (!strncmp(line, words, len))
			return 1;
	}
	return 0;
}

static enum image_news new_step(struct image_progress *p, const char *line)
{
	unsigned int i;

	for (i = p->step + 1; i < STEPS; i++) {
		if (!begins(line, steps[i].line))
			continue;
		p->permille = steps[i - 1].until;
		p->step = i;
		p->done = 0;
		p->what = steps[i].what;
		p->item[0] = '\0';
		return NEWS_STEP;
	}
	return NEWS_NONE;
}

/* "Get:7 URL SUITE ARCH NAME ...", "Unpacking NAME (..)", "Setting up NAME" */
static void take_name(struct image_progress *p, const char *line)
{
	char name[sizeof(p->item)] = "";

	if (sscanf(line, "Get:%*s %*s %*s %*s %47s", name) != 1 &&
	    sscanf(line, "Unpacking %47s", name) != 1)
		sscanf(line, "Setting up %47s", name);
	name[strcspn(name, ":")] = '\0';
	memcpy(p->item, name, sizeof(name));
}

static enum image_news one_more(struct image_progress *p, const char *line)
{
	const struct step *step = &steps[p->step];
	unsigned int from = steps[p->step - 1].until, all;

	take_name(p, line);
	all = p->packages * step->rounds;
	if (p->done < all)
		p->done++;
	if (all)
		p->permille = from + (step->until - from) * p->done / all;
	return NEWS_PACKAGE;
}

/*
 * What went wrong: the first message that says so.  Later ones of apt and
 * mmdebstrap tell only which of their programs failed.
 */
static void take_error(struct image_progress *p, const char *line)
{
	static const char follows[] =
		"Sub-process |setup failed|mmdebstrap failed|apt-get |tar |"
		"chroot |command failed|hook |run_";
	char where[128], suite[64];
	size_t most = sizeof(p->error);

	if (p->error[0])
		return;
	if (strstr(line, "No space left on device"))
		snprintf(p->error, most, "no space left for %s", p->place);
	else if (strstr(line, "Could not allocate block"))
		snprintf(p->error, most, "the system does not fit; use a "
			 "larger --size");
	else if (sscanf(line, "E: The repository '%127s %63s Release' does",
			where, suite) == 2)
		snprintf(p->error, most, "no release %s at %s",
			 suite, where);
	else if (begins(line, "E: ") && !begins_any(line + 3, follows))
		snprintf(p->error, most, "%s", line + 3);
	else if (begins_any(line, "mke2fs: |truncate: |cp: |mktemp: |"
			    "chpasswd: "))
		snprintf(p->error, most, "%s", line);
}

enum image_news image_progress_line(struct image_progress *p,
				    const char *line)
{
	const char *item = steps[p->step].item;
	unsigned int count;

	take_error(p, line);
	if (begins(line, PLACE))
		snprintf(p->place, sizeof(p->place), "%s",
			 line + strlen(PLACE));
	if (sscanf(line, "%*u upgraded, %u newly installed", &count) == 1)
		p->packages = count;
	if (begins(line, "I: "))
		return new_step(p, line);
	return item && begins_any(line, item) ? one_more(p, line) :
	       NEWS_NONE;
}
