// SPDX-License-Identifier: GPL-2.0-only
/*
 * console_test.c - a program must leave the console as it found it.
 *
 * usage: console_test.exe REPORT COMMAND...
 *
 * Gives the console modes that no program would choose, runs each command (a
 * whole command line, one word) and compares.  The console belongs to the
 * commands, so the report goes to a file.
 */
#include <stdio.h>

#include <windows.h>

#define ODD_CODE_PAGE	437u
#define PATIENCE_MS	30000u

struct state {
	DWORD in, out;
	UINT in_page, out_page;
};

static HANDLE in, out;
static FILE *to;
static int failed;

static void report(int ok, const char *name)
{
	failed += !ok;
	fprintf(to, "%s %s\n", ok ? "ok" : "not ok", name);
}

static struct state look(void)
{
	struct state now = {
		.in_page = GetConsoleCP(), .out_page = GetConsoleOutputCP(),
	};

	GetConsoleMode(in, &now.in);
	GetConsoleMode(out, &now.out);
	return now;
}

static int make_odd(void)
{
	return SetConsoleMode(in, ENABLE_PROCESSED_INPUT |
				  ENABLE_LINE_INPUT) &&
	       SetConsoleMode(out, ENABLE_PROCESSED_OUTPUT) &&
	       SetConsoleOutputCP(ODD_CODE_PAGE);
}

static int run(char *line)
{
	STARTUPINFOA how = { .cb = sizeof(how) };
	PROCESS_INFORMATION child;
	DWORD status = STILL_ACTIVE;

	if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &how,
			    &child))
		return -1;
	WaitForSingleObject(child.hProcess, PATIENCE_MS);
	GetExitCodeProcess(child.hProcess, &status);
	if (status == STILL_ACTIVE)
		TerminateProcess(child.hProcess, 1);
	CloseHandle(child.hThread);
	CloseHandle(child.hProcess);
	return (int)status;
}

static void test(char *line)
{
	struct state before, after;
	int status;

	report(make_odd(), "the console takes odd modes");
	before = look();
	status = run(line);
	after = look();
	report(status >= 0 && status <= 2, line);
	fprintf(to, "# status %d\n", status);
	report(before.in == after.in && before.out == after.out &&
	       before.in_page == after.in_page &&
	       before.out_page == after.out_page,
	       "the console is as it was");
	fprintf(to, "# in 0x%lx out 0x%lx pages %u %u; then 0x%lx 0x%lx %u "
		"%u\n", before.in, before.out, before.in_page,
		before.out_page, after.in, after.out, after.in_page,
		after.out_page);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3 || !(to = fopen(argv[1], "w")))
		return 2;
	in = GetStdHandle(STD_INPUT_HANDLE);
	out = GetStdHandle(STD_OUTPUT_HANDLE);
	for (i = 2; i < argc; i++)
		test(argv[i]);
	fprintf(to, "%d failed\n", failed);
	return fclose(to) || failed;
}
