/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * console.c - text to the first serial line and to port 0xe9, and the ways
 * an emulator lets its guest end it.
 */
#include "bare.h"
#include "x86.h"

#define COM1	0x3f8

static int have_serial;

void bare_console_init(void)
{
	x86_outb(COM1 + 7, 0x5a);		/* scratch register answers? */
	have_serial = x86_inb(COM1 + 7) == 0x5a;
	if (!have_serial)
		return;
	x86_outb(COM1 + 1, 0);			/* no interrupts */
	x86_outb(COM1 + 3, 0x80);
	x86_outb(COM1 + 0, 1);			/* 115200 */
	x86_outb(COM1 + 1, 0);
	x86_outb(COM1 + 3, 3);			/* 8n1 */
	x86_outb(COM1 + 2, 7);
}

static void put_char(char c)
{
	x86_outb(0xe9, (uint8_t)c);
	if (!have_serial)
		return;
	while (!(x86_inb(COM1 + 5) & 0x20))
		;
	x86_outb(COM1, (uint8_t)c);
}

void bare_puts(const char *text)
{
	while (*text)
		put_char(*text++);
}

static void put_number(uint64_t v, uint32_t base, int width, char pad,
		       int negative)
{
	char buf[24];
	int n = 0;

	do {
		buf[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		buf[n++] = '-';
	while (width-- > n)
		put_char(pad);
	while (n)
		put_char(buf[--n]);
}

static void put_integer(char conv, int longs, int width, char pad,
			va_list *args)
{
	uint64_t v;

	if (longs)
		v = va_arg(*args, uint64_t);
	else if (conv == 'd')
		v = (uint64_t)(int64_t)va_arg(*args, int);
	else
		v = va_arg(*args, unsigned int);
	if (conv == 'd' && (int64_t)v < 0)
		put_number(0 - v, 10, width, pad, 1);
	else
		put_number(v, conv == 'x' ? 16 : 10, width, pad, 0);
}

/* %d %u %x with l or ll, a width and 0; %s %c %p %%. */
void bare_vprintf(const char *fmt, va_list list)
{
	va_list args;

	va_copy(args, list);
	for (; *fmt; fmt++) {
		int longs = 0, width = 0;
		char pad = ' ';

		if (*fmt != '%') {
			put_char(*fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + *fmt++ - '0';
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs = 1;
		if (*fmt == 's') {
			const char *s = va_arg(args, const char *);

			bare_puts(s ? s : "(null)");
		} else if (*fmt == 'c') {
			put_char((char)va_arg(args, int));
		} else if (*fmt == 'p') {
			put_number((uint64_t)va_arg(args, void *), 16, 16,
				   '0', 0);
		} else if (*fmt == '%') {
			put_char('%');
		} else {
			put_integer(*fmt, longs, width, pad, &args);
		}
	}
	va_end(args);
}

void bare_printf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bare_vprintf(fmt, args);
	va_end(args);
}

void bare_exit(uint32_t code)
{
	const char *s = "Shutdown";

	x86_cli();
	if (have_serial)
		while (!(x86_inb(COM1 + 5) & 0x40))
			;
	x86_outl(0xf4, code);			/* isa-debug-exit */
	while (*s)
		x86_outb(0x8900, (uint8_t)*s++); /* Bochs */
	for (;;)
		__asm__ volatile("cli; hlt");
}

void bare_panic(const char *fmt, ...)
{
	va_list args;

	x86_cli();
	bare_puts("PANIC: ");
	va_start(args, fmt);
	bare_vprintf(fmt, args);
	va_end(args);
	bare_puts("\n");
	bare_exit(BARE_EXIT_PANIC);
}
