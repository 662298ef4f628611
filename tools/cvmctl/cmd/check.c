// SPDX-License-Identifier: GPL-2.0-only
/* check.c - can this host run a guest? */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "cvmctl/cli/json.h"
#include "os/os.h"
#include "vmm/driver.h"

static const struct {
	const char *name;
	enum style style;
} states[] = {
	[CVM_CHECK_OK] = { "ok", STYLE_GOOD },
	[CVM_CHECK_REFUSED] = { "refused", STYLE_BAD },
	[CVM_CHECK_NOTE] = { "note", STYLE_NOTE },
};

#define STATES (sizeof(states) / sizeof(states[0]))

/* The first row is our own, whether there is a driver; then the driver's. */
struct report {
	uint32_t rows;
	uint32_t count[STATES];
	struct cvm_user_check_row row[CVM_CHECK_MAX + 1];
	char driver[640];	/* the first row's text may be longer */
};

static const char *row_text(const struct report *report, uint32_t i)
{
	return i ? report->row[i].text : report->driver;
}

static size_t row_room(uint32_t i)
{
	return i ? sizeof(((struct report *)0)->row[0].text) :
	       sizeof(((struct report *)0)->driver);
}

/* There is no driver; the system may know why. */
static void explain(struct problem *problem)
{
	struct problem ignored = { "" };
	struct os_driver_info info;
	size_t len = strlen(problem->text);
	char why[480];

	if (os_driver_query(&info, &ignored) || info.state != OS_DRIVER_STOPPED)
		return;
	os_driver_why(why, sizeof(why));
	if (why[0])
		snprintf(problem->text + len, sizeof(problem->text) - len,
			 ": %s", why);
}

static void gather(struct report *report)
{
	struct cvm_user_check check = { 0 };
	struct problem problem = { "" };
	struct cvm_user_version version;
	struct os_driver *driver;
	uint32_t i;
	int ret;

	driver = driver_open(&version, &problem);
	if (driver) {
		ret = os_driver_request(driver, CVM_USER_CHECK, &check,
					sizeof(check));
		if (ret)
			problem_set(&problem, os_driver_name, "CHECK: %s",
				    reason(ret));
		os_driver_close(driver);
	} else {
		explain(&problem);
	}
	snprintf(report->row[0].name, sizeof(report->row[0].name), "driver");
	report->row[0].status = CVM_CHECK_OK;
	snprintf(report->driver, sizeof(report->driver),
		 "libcvm %s, host %s, %u CPU%s", version.version,
		 host_name(version.host), version.cpus,
		 version.cpus == 1 ? "" : "s");
	if (problem.text[0]) {
		report->row[0].status = CVM_CHECK_REFUSED;
		memcpy(report->driver, problem.text, sizeof(report->driver));
		check.rows = 0;
	}
	report->rows = 1 + (check.rows < CVM_CHECK_MAX ? check.rows :
			    CVM_CHECK_MAX);
	memcpy(&report->row[1], check.row, sizeof(check.row));
	for (i = 0; i < report->rows; i++) {
		/* A status that only a newer driver knows counts as refused. */
		if (report->row[i].status >= STATES)
			report->row[i].status = CVM_CHECK_REFUSED;
		report->count[report->row[i].status]++;
	}
}

static int print_json(const struct report *report)
{
	struct json json;
	uint32_t i;

	json_begin(&json, 1);
	json_open(&json, NULL, '{');
	json_bool(&json, "can_run", !report->count[CVM_CHECK_REFUSED]);
	json_open(&json, "rows", '[');
	for (i = 0; i < report->rows; i++) {
		json_open(&json, NULL, '{');
		json_text(&json, "name", report->row[i].name,
			  sizeof(report->row[i].name));
		json_text(&json, "status", states[report->row[i].status].name,
			  16);
		json_text(&json, "reason", row_text(report, i),
			  row_room(i));
		json_close(&json);
	}
	json_close(&json);
	json_close(&json);
	return json_print(&json);
}

static int print_table(const struct report *report)
{
	uint32_t refused = report->count[CVM_CHECK_REFUSED];
	uint32_t notes = report->count[CVM_CHECK_NOTE];
	const struct cvm_user_check_row *row;
	size_t width = 4, len;
	uint32_t i;

	for (i = 0; i < report->rows; i++) {
		len = text_width(report->row[i].name, sizeof(row->name));
		width = len > width ? len : width;
	}
	printf("%s%-*s  %-7s  %s%s\n", style(STYLE_BOLD), (int)width,
	       "NAME", "STATE", "REASON", style(STYLE_OFF));
	for (i = 0; i < report->rows; i++) {
		row = &report->row[i];
		put_column(row->name, sizeof(row->name), width);
		printf("  %s%-7s%s  ", style(states[row->status].style),
		       states[row->status].name, style(STYLE_OFF));
		put_text(row_text(report, i), row_room(i));
		putchar('\n');
	}
	putchar('\n');
	if (refused)
		printf("%sThis host cannot run guests:%s %u of %u conditions "
		       "refused.\n", style(STYLE_BAD), style(STYLE_OFF),
		       refused, report->rows);
	else
		printf("%sThis host can run guests.%s\n", style(STYLE_GOOD),
		       style(STYLE_OFF));
	if (notes && !refused)
		printf("%u note%s: guests run; the row says what differs.\n",
		       notes, notes == 1 ? "" : "s");
	return print_flush();
}

static int run(const struct command *cmd, int argc, char **argv)
{
	static struct report report;
	int json = 0, ret;
	const struct opt opts[] = {
		{ "json", OPT_FLAG, NULL, &json, "print one JSON object" },
		{ 0 }
	};

	ret = parse_options(cmd, opts, argc, argv, NULL, 0);
	if (ret != PARSE_GO_ON)
		return ret;
	gather(&report);
	ret = json ? print_json(&report) : print_table(&report);
	return ret || report.count[CVM_CHECK_REFUSED] ? EXIT_REFUSED : EXIT_OK;
}

const struct command cmd_check = {
	"check", run, "[--json]", "check whether this host can run guests",
	"Ask the driver for every condition a guest needs, one row each:\n"
	"  ok        fulfilled\n"
	"  note      guests run; the row says what is different for them\n"
	"  refused   no guest can run on this host; the row says why\n"
	"The exit status is 0 when guests can run and 1 when not.\n",
	NULL
};
