// SPDX-License-Identifier: GPL-2.0-only
/*
 * supervisor_nt.c - on Windows a job ends the programs of execN.
 *
 * It does so when its last handle is closed, which Windows does for a process
 * that ends in whatever way.
 */
#include <stdio.h>

#include "supervisor.h"
#include "os/nt/nt.h"

static const struct config_exec *programs;
static HANDLE job;

int supervisor_start(const struct config_exec *exec, struct problem *problem)
{
	(void)problem;
	programs = exec;
	return 0;
}

static int make_job(struct problem *problem)
{
	JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {
		.BasicLimitInformation.LimitFlags =
			JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
	};

	job = CreateJobObjectW(NULL, NULL);
	if (job && SetInformationJobObject(job,
					   JobObjectExtendedLimitInformation,
					   &limit, sizeof(limit)))
		return 0;
	return nt_problem(problem, "exec", GetLastError());
}

/* It is in the job before its first instruction. */
static int start(const struct config_exec *exec, struct problem *problem)
{
	STARTUPINFOW startup = { .cb = sizeof(startup) };
	PROCESS_INFORMATION process;
	char line[4 * NT_PATH];
	wchar_t wide[4 * NT_PATH];
	int ret = 0;

	snprintf(line, sizeof(line), "\"%s\"%s%s", exec->program,
		 exec->args ? " " : "", exec->args ? exec->args : "");
	if (nt_wide(line, wide, sizeof(wide) / sizeof(wide[0])))
		return problem_set(problem, exec->name, "its command line "
				   "is too long");
	if (!CreateProcessW(NULL, wide, NULL, NULL, FALSE, CREATE_SUSPENDED,
			    NULL, NULL, &startup, &process))
		return nt_problem(problem, exec->name, GetLastError());
	if (AssignProcessToJobObject(job, process.hProcess)) {
		ResumeThread(process.hThread);
	} else {
		ret = nt_problem(problem, exec->name, GetLastError());
		TerminateProcess(process.hProcess, 1);
	}
	CloseHandle(process.hThread);
	CloseHandle(process.hProcess);
	return ret;
}

int supervisor_programs(struct problem *problem)
{
	int i;

	for (i = 0; i < CONFIG_EXECS; i++) {
		if (!programs[i].program)
			continue;
		if (!job && make_job(problem))
			return -1;
		if (start(&programs[i], problem))
			return -1;
	}
	return 0;
}

void supervisor_remove(const char *path, intptr_t file, int if_empty)
{
	(void)path;
	(void)file;
	(void)if_empty;
}

int supervisor_resolver(void)
{
	return 0;
}

void supervisor_seal(void)
{
}

void supervisor_end(void)
{
	if (job)
		CloseHandle(job);
	job = NULL;
}
