/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * visible.h - text of others, made fit for a terminal.
 *
 * Names of files, labels of disks and what guests say may hold sequences that
 * move the cursor, retitle a window or have it type, and characters that show
 * a text in another order than it has.  Whatever we print of ours goes through
 * here: say(), put_text() and the writer of JSON.  A guest's console does not.
 */
#ifndef CVM_OS_VISIBLE_H
#define CVM_OS_VISIBLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * utf8_next - the character at text, in *bytes bytes of at most max; 0 bytes:
 * none that UTF-8 has (RFC 3629).
 */
uint32_t utf8_next(const char *text, size_t max, size_t *bytes);

/*
 * is_visible - not a control character (C0, DEL, C1), and none of those that
 * change lines or the direction of what follows (Unicode's Bidi_Control).
 */
int is_visible(uint32_t character);

/* A byte becomes so many at most: \xNN. */
#define VISIBLE_GROWS	4u

/*
 * visible - at most max bytes of a text, up to a NUL; what is not visible, or
 * no UTF-8, byte by byte as \xNN.  What does not fit is left out.  to is
 * NUL-ended, and its length returned.
 */
size_t visible(char *to, size_t size, const char *text, size_t max);

#endif /* CVM_OS_VISIBLE_H */
