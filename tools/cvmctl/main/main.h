/* SPDX-License-Identifier: GPL-2.0-only */
/* main.h - the program, behind each host's own entry point. */
#ifndef CVMCTL_MAIN_MAIN_H
#define CVMCTL_MAIN_MAIN_H

/* cvmctl_main - words in UTF-8, the program's name first; the exit status. */
int cvmctl_main(int argc, char **argv);

#endif /* CVMCTL_MAIN_MAIN_H */
