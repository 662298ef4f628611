// SPDX-License-Identifier: GPL-2.0-only
/* main_linux.c - where Linux enters the program. */
#include "cvmctl.h"

int main(int argc, char **argv)
{
	return cvmctl_main(argc, argv);
}
