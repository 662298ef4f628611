// SPDX-License-Identifier: GPL-2.0-only
/* fmt.c - messages without a C library; see fmt.h for the conversions. */
#include "fmt.h"

struct fmt_out {
	char *buf;
	size_t n;
	size_t len;
};

static void put_char(struct fmt_out *out, char c)
{
	if (out->len + 1 < out->n)
		out->buf[out->len] = c;
	out->len++;
}

static void put_text(struct fmt_out *out, const char *text, unsigned int width)
{
	unsigned int len = 0;

	if (!text)
		text = "(null)";
	while (text[len])
		len++;
	for (; width > len; width--)
		put_char(out, ' ');
	while (*text)
		put_char(out, *text++);
}

static void put_number(struct fmt_out *out, uint64_t value, unsigned int base,
		       int negative, unsigned int width, char pad)
{
	char digits[20];	/* UINT64_MAX has 20 decimal digits */
	unsigned int len = 0;

	do {
		digits[len++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);

	if (negative && pad == '0')
		put_char(out, '-');
	for (; width > len + (negative ? 1 : 0); width--)
		put_char(out, pad);
	if (negative && pad != '0')
		put_char(out, '-');
	while (len)
		put_char(out, digits[--len]);
}

/* Least width and padding between '%' and the letter. */
static const char *get_width(const char *fmt, unsigned int *width, char *pad)
{
	*pad = ' ';
	*width = 0;
	if (*fmt == '0')
		*pad = '0';
	while (*fmt >= '0' && *fmt <= '9') {
		if (*width < 100)
			*width = *width * 10 + (unsigned int)(*fmt - '0');
		fmt++;
	}
	return fmt;
}

int cvm_vfmt(char *buf, size_t n, const char *fmt, __builtin_va_list ap)
{
	struct fmt_out out = { buf, n, 0 };
	unsigned int width;
	const char *start;
	char pad;
	int d;

	while (*fmt) {
		if (*fmt != '%') {
			put_char(&out, *fmt++);
			continue;
		}
		start = fmt;
		fmt = get_width(fmt + 1, &width, &pad);
		switch (*fmt) {
		case 's':
			put_text(&out, __builtin_va_arg(ap, const char *),
				 width);
			break;
		case 'c':
			put_char(&out, (char)__builtin_va_arg(ap, int));
			break;
		case 'd':
			d = __builtin_va_arg(ap, int);
			put_number(&out, d < 0 ? -(uint64_t)d : (uint64_t)d,
				   10, d < 0, width, pad);
			break;
		case 'u':
		case 'x':
			put_number(&out, __builtin_va_arg(ap, uint32_t),
				   *fmt == 'x' ? 16 : 10, 0, width, pad);
			break;
		case 'l':
			if (fmt[1] != 'l' || (fmt[2] != 'u' && fmt[2] != 'x'))
				goto other;
			fmt += 2;
			put_number(&out, __builtin_va_arg(ap,
							  unsigned long long),
				   *fmt == 'x' ? 16 : 10, 0, width, pad);
			break;
		case '%':
			put_char(&out, '%');
			break;
		default:
other:
			/* A slip in a format must be seen, not run away. */
			put_char(&out, '%');
			fmt = start;
			break;
		}
		fmt++;
	}
	if (n)
		buf[out.len < n ? out.len : n - 1] = '\0';
	return (int)out.len;
}

int cvm_fmt(char *buf, size_t n, const char *fmt, ...)
{
	__builtin_va_list ap;
	int len;

	__builtin_va_start(ap, fmt);
	len = cvm_vfmt(buf, n, fmt, ap);
	__builtin_va_end(ap);
	return len;
}
