// SPDX-License-Identifier: GPL-2.0-only
/* stats.c - what a VM has done so far. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cvm/abi.h>

#include "commands.h"
#include "cvmctl/cli/json.h"
#include "os/os.h"
#include "vmm/driver.h"
#include "vmm/stats_client.h"

#define EXITS (sizeof(((struct cvm_stats *)0)->exits) / sizeof(uint64_t))

static const char *const exit_names[EXITS] = {
#define CVM_HYPERCALL(name, counter, number, arguments, returns) \
	[number] = #counter,
#include <cvm/hypercalls.def>
#undef CVM_HYPERCALL
};

#define DEVICE_NAME	32
#define WORD_MAX	60

#define IS_TIME_COUNT	0
#define IS_TIME_TICKS	1
#define IS_TIME_LONGEST	1

/* One counter a line; times are in ticks. */
static const struct counter {
	const char *name;
	size_t off;
	int is_time;
	const char *help;
} counters[] = {
#define CVM_COUNTER(name, kind, text) \
	{ #name, offsetof(struct cvm_stats, name), IS_TIME_##kind, text },
#define CVM_COUNTERS(name, count, text)
#include <cvm/counters.def>
#undef CVM_COUNTER
#undef CVM_COUNTERS
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t counter_value(const struct cvm_stats *stats,
			      const struct counter *counter)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + counter->off, sizeof(value));
	return value;
}

static uint64_t to_ns(uint64_t ticks, uint32_t tsc_khz)
{
	if (!tsc_khz)
		return 0;
	return ticks / tsc_khz * 1000000 +
	       ticks % tsc_khz * 1000000 / tsc_khz;
}

static void print_time(uint64_t ns)
{
	if (ns >= 10000000000ull)
		printf("%12.1f s ", (double)ns / 1e9);
	else if (ns >= 10000000ull)
		printf("%12.1f ms", (double)ns / 1e6);
	else
		printf("%12.1f us", (double)ns / 1e3);
}

static void print_exits(const struct cvm_stats *stats)
{
	char number[16];
	uint32_t i;

	printf("\n%sExits by hypercall%s\n", style(STYLE_BOLD),
	       style(STYLE_OFF));
	for (i = 0; i < EXITS; i++) {
		if (!stats->exits[i])
			continue;
		snprintf(number, sizeof(number), "%u", i);
		printf("  %-16s  %12llu\n",
		       exit_names[i] ? exit_names[i] : number,
		       (unsigned long long)stats->exits[i]);
	}
}

static void print_vectors(const struct cvm_stats *stats)
{
	uint32_t i, differ = 0, any = 0;

	for (i = 0; i < 256; i++) {
		if (!stats->vector[i] && !stats->guest_vector[i])
			continue;
		if (!any++)
			printf("\n%sInterrupts by vector%s\n"
			       "  vector              host         guest\n",
			       style(STYLE_BOLD), style(STYLE_OFF));
		printf("  0x%02x      %12llu  %12llu%s\n", i,
		       (unsigned long long)stats->vector[i],
		       (unsigned long long)stats->guest_vector[i],
		       stats->vector[i] == stats->guest_vector[i] ? "" : "  *");
		differ += stats->vector[i] != stats->guest_vector[i];
	}
	if (differ)
		printf("  * they differ: one was under way, or was lost\n");
}

static int is_number(const char *value)
{
	return *value >= '0' && *value <= '9';
}

static void print_device(void *ctx, const char *device, const char *counter,
			 const char *value)
{
	size_t width = text_width(value, WORD_MAX);
	char *last = ctx;
	int again = !strcmp(last, device);

	if (!last[0])
		printf("\n%sDevices%s\n", style(STYLE_BOLD),
		       style(STYLE_OFF));
	printf("  ");
	put_column(again ? "" : device, 8, 8);
	printf("  ");
	put_column(counter, 12, 12);
	printf("  %*s", width < 12 ? (int)(12 - width) : 0, "");
	put_text(value, WORD_MAX);
	putchar('\n');
	snprintf(last, DEVICE_NAME, "%s", device);
}

static int print_text(const struct cvm_user_stats *s)
{
	char last[DEVICE_NAME] = "";
	uint64_t value;
	size_t i;

	printf("%sVM %u%s  ", style(STYLE_BOLD), s->info.id, style(STYLE_OFF));
	put_text(s->info.name, sizeof(s->info.name));
	printf(": %s, %u vCPU%s, %llu MiB, pid %d, kernel ",
	       state_name(s->info.state), s->info.vcpus,
	       s->info.vcpus == 1 ? "" : "s",
	       (unsigned long long)(s->info.mem_bytes >> 20), s->info.pid);
	put_text(s->info.release[0] ? s->info.release : "not known yet",
		 sizeof(s->info.release));
	printf("\n\n%sCounters%s\n", style(STYLE_BOLD), style(STYLE_OFF));
	for (i = 0; i < COUNTERS; i++) {
		value = counter_value(&s->stats, &counters[i]);
		printf("  %-16s  ", counters[i].name);
		if (counters[i].is_time)
			print_time(to_ns(value, s->tsc_khz));
		else
			printf("%12llu   ", (unsigned long long)value);
		printf("  %s\n", counters[i].help);
	}
	print_exits(&s->stats);
	print_vectors(&s->stats);
	stats_client_counters(&s->info, print_device, last);
	return print_flush();
}

static void vector_json(struct json *json, const char *key,
			const uint64_t *count)
{
	char name[8];
	uint32_t i;

	json_open(json, key, '{');
	for (i = 0; i < 256; i++) {
		if (!count[i])
			continue;
		snprintf(name, sizeof(name), "0x%02x", i);
		json_u64(json, name, count[i]);
	}
	json_close(json);
}

struct devices_json {
	struct json *json;
	char last[DEVICE_NAME];
};

static void device_json(void *ctx, const char *device, const char *counter,
			const char *value)
{
	struct devices_json *d = ctx;

	if (strcmp(d->last, device)) {
		if (d->last[0])
			json_close(d->json);
		json_open(d->json, device, '{');
	}
	if (is_number(value))
		json_u64(d->json, counter, strtoull(value, NULL, 10));
	else
		json_text(d->json, counter, value, WORD_MAX);
	snprintf(d->last, sizeof(d->last), "%s", device);
}

static void all_devices_json(struct json *json, const struct cvm_user_stats *s)
{
	struct devices_json d = { .json = json };

	json_open(json, "devices", '{');
	stats_client_counters(&s->info, device_json, &d);
	if (d.last[0])
		json_close(json);
	json_close(json);
}

static int print_json(const struct cvm_user_stats *s)
{
	struct json json;
	char name[16];
	size_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_u64(&json, "id", s->info.id);
	json_vm(&json, &s->info);
	json_u64(&json, "tsc_khz", s->tsc_khz);
	for (i = 0; i < COUNTERS; i++)
		json_u64(&json, counters[i].name,
			 counter_value(&s->stats, &counters[i]));
	json_open(&json, "exits", '{');
	for (i = 0; i < EXITS; i++) {
		if (!s->stats.exits[i])
			continue;
		snprintf(name, sizeof(name), "%zu", i);
		json_u64(&json, exit_names[i] ? exit_names[i] : name,
			 s->stats.exits[i]);
	}
	json_close(&json);
	vector_json(&json, "vector", s->stats.vector);
	vector_json(&json, "guest_vector", s->stats.guest_vector);
	all_devices_json(&json, s);
	json_close(&json);
	return json_print(&json);
}

static int get(const char *word, struct cvm_user_stats *stats,
	       struct problem *problem)
{
	struct cvm_user_vm_info info;
	struct os_driver *driver = open_vm(word, &info, problem);
	int ret;

	if (!driver)
		return -1;
	stats->id = info.id;
	ret = os_driver_request(driver, CVM_USER_STATS, stats, sizeof(*stats));
	os_driver_close(driver);
	stats->info.name[CVM_NAME_MAX - 1] = '\0';
	return ret ? problem_set(problem, word, "%s", reason(ret)) : 0;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static struct cvm_user_stats stats;
	struct problem problem = { "" };
	const char *word = NULL;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "json", OPT_FLAG, NULL, &json, "print one JSON object" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, &word, 1);
	if (ret != PARSE_GO_ON)
		return ret;
	if (!word)
		return usage_error(cmd, WHICH_VM);
	if (get(word, &stats, &problem)) {
		problem_print(&problem);
		return EXIT_REFUSED;
	}
	return json ? print_json(&stats) : print_text(&stats);
}

const struct command cmd_stats = {
	"stats", run, "[--json] ID|NAME", "show what a VM has done so far",
	"Print a VM's counters, summed over its vCPUs: world switches, exits\n"
	"by hypercall, times, and interrupts by vector as the host re-raised\n"
	"them and as the guest counted them.  The two columns agree but for\n"
	"those under way while the counters were read.\n\n"
	"Devices are counted by the VM's own process: requests, doorbells\n"
	"that the guest rang, and interrupts that it got.\n",
	NULL
};
