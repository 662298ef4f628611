// SPDX-License-Identifier: GPL-2.0-only
/*
 * terminal.c - stdin, stdout and the Windows console they may be.
 *
 * A console is read by events and written in UTF-16, which works whatever
 * its code page and age.  Where it knows control sequences (Windows 10 1607
 * and later) keys arrive as sequences and output goes through; an older one
 * gets keys translated from a table and output without sequences.  Files and
 * pipes are read and written by a thread each, because nothing can wait for
 * them together with events.
 */
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"
#include "os/strip_ansi.h"

/* Mode bits newer than the headers' Windows. */
#define VT_INPUT	0x0200u	/* ENABLE_VIRTUAL_TERMINAL_INPUT */
#define VT_OUTPUT	0x0004u	/* ENABLE_VIRTUAL_TERMINAL_PROCESSING */
#define NO_AUTO_RETURN	0x0008u	/* DISABLE_NEWLINE_AUTO_RETURN */
/* Mouse selection and the like are the user's choice. */
#define USER_INPUT	(ENABLE_EXTENDED_FLAGS | ENABLE_QUICK_EDIT_MODE | \
			 ENABLE_INSERT_MODE)

#define PART		4096u	/* bytes handed over at once */
#define KEYS		256u	/* keys taken from the console at once */

/* One blocking read or write after the other, in a thread of its own. */
struct pump {
	HANDLE go, done;	/* go resets itself; done: nothing under way */
	char data[PART];
	DWORD bytes;
	DWORD error;		/* of the last one, or 0 */
	int started;
};

static struct {
	HANDLE in, out, err;	/* standard handles */
	int in_console, out_console, err_console;
	DWORD in_mode, out_mode;	/* as they were */
	UINT out_cp;
	int changed;		/* something is to be restored */
	int raw;
	int vt_in, vt_out;	/* what the console agreed to */
	int colours;
	struct strip_ansi plain;
	char tail[4];		/* of a UTF-8 sequence cut short */
	size_t tail_bytes;
	wchar_t high;		/* first half of a surrogate pair typed */
	int resized;
	struct pump reader, writer;
} term;

/* ---- as it was, and raw ---- */

void os_terminal_restore(void)
{
	term.raw = 0;
	if (!term.changed)
		return;
	if (term.in_console)
		SetConsoleMode(term.in, term.in_mode);
	if (term.out_console)
		SetConsoleMode(term.out, term.out_mode);
}

static void restore_all(void)
{
	os_terminal_restore();
	if (term.out_cp)
		SetConsoleOutputCP(term.out_cp);
}

void os_terminal_raw(void)
{
	DWORD in = (term.in_mode & USER_INPUT) | ENABLE_WINDOW_INPUT;
	DWORD out = ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT;

	term.changed = term.raw = 1;
	if (term.in_console) {
		term.vt_in = SetConsoleMode(term.in, in | VT_INPUT);
		if (!term.vt_in)
			SetConsoleMode(term.in, in);
	}
	if (!term.out_console)
		return;
	term.vt_out = SetConsoleMode(term.out, out | VT_OUTPUT |
				     NO_AUTO_RETURN) ||
		      SetConsoleMode(term.out, out | VT_OUTPUT);
	if (!term.vt_out)
		SetConsoleMode(term.out, out);
}

/* The VMM has no console to let go of. */
void os_terminal_leave(void)
{
}

int os_terminal_size(unsigned int *cols, unsigned int *rows)
{
	CONSOLE_SCREEN_BUFFER_INFO info;

	if (!term.out_console ||
	    !GetConsoleScreenBufferInfo(term.out, &info))
		return -1;
	*cols = (unsigned int)(info.srWindow.Right - info.srWindow.Left + 1);
	*rows = (unsigned int)(info.srWindow.Bottom - info.srWindow.Top + 1);
	return 0;
}

int nt_resized(void)
{
	int resized = term.resized;

	term.resized = 0;
	return resized;
}

void os_terminal_name(char *to, size_t size)
{
	snprintf(to, size, "%s", "");
}

/* Consoles that make an event of Ctrl-C even so: Wine's on a Unix terminal. */
static void type_ctrl_c(void)
{
	const INPUT_RECORD key = {
		.EventType = KEY_EVENT,
		.Event.KeyEvent = {
			.bKeyDown = TRUE, .wRepeatCount = 1,
			.wVirtualKeyCode = 'C',
			.uChar.UnicodeChar = 3,
			.dwControlKeyState = LEFT_CTRL_PRESSED,
		},
	};
	DWORD done;

	WriteConsoleInputW(term.in, &key, 1, &done);
}

/*
 * Runs in a thread of its own.  Ctrl-C while the console is raw is a key, for
 * the guest.  When the window is closed Windows ends the process
 * soon after this returns, and some seconds later anyway: the main thread
 * gets those to ask the guest to stop.
 */
static BOOL WINAPI control_event(DWORD type)
{
	if (!nt_stops()) {
		restore_all();
		return FALSE;
	}
	if (type == CTRL_C_EVENT && term.raw) {
		type_ctrl_c();
		return TRUE;
	}
	nt_stop();
	if (type == CTRL_C_EVENT || type == CTRL_BREAK_EVENT)
		return TRUE;
	restore_all();
	Sleep(INFINITE);
	return TRUE;
}

static LONG WINAPI crashed(EXCEPTION_POINTERS *what)
{
	(void)what;
	restore_all();
	return EXCEPTION_CONTINUE_SEARCH;
}

void nt_console_begin(void)
{
	DWORD mode;

	term.in = GetStdHandle(STD_INPUT_HANDLE);
	term.out = GetStdHandle(STD_OUTPUT_HANDLE);
	term.in_console = GetConsoleMode(term.in, &term.in_mode) != 0;
	term.out_console = GetConsoleMode(term.out, &term.out_mode) != 0;
	term.err = GetStdHandle(STD_ERROR_HANDLE);
	term.err_console = GetConsoleMode(term.err, &mode) != 0;
	/* Whole lines, not letters, reach the console. */
	setvbuf(stdout, NULL, _IOFBF, 4096);
	atexit(restore_all);
	SetConsoleCtrlHandler(control_event, TRUE);
	SetUnhandledExceptionFilter(crashed);
	if (term.out_console) {
		term.out_cp = GetConsoleOutputCP();
		SetConsoleOutputCP(CP_UTF8);
	}
	if (term.out_console && SetConsoleMode(term.out, term.out_mode |
					       VT_OUTPUT))
		term.changed = term.colours = 1;
}

void nt_output_to(HANDLE file)
{
	term.out = term.err = file;
	term.out_console = term.err_console = 0;
}

void os_say(const char *line)
{
	wchar_t wide[2050];
	char text[2050];
	DWORD done;
	int len;

	len = snprintf(text, sizeof(text), "%.*s\r\n",
		       (int)strcspn(line, "\n"), line);
	if (!term.err_console) {
		WriteFile(term.err, text, (DWORD)len, &done, NULL);
		return;
	}
	len = MultiByteToWideChar(CP_UTF8, 0, text, len, wide, 2050);
	WriteConsoleW(term.err, wide, (DWORD)len, &done, NULL);
}

/* A VMM that was split off has none, and comes here again: its client has. */
int os_interactive(void)
{
	return term.in_console || nt_split_pid();
}

int os_colours(void)
{
	return term.colours;
}

/* ---- pipes and files ---- */

static void pump_open(struct pump *pump, unsigned int (__stdcall *fn)(void *))
{
	if (pump->started)
		return;
	pump->started = 1;
	pump->go = CreateEventW(NULL, FALSE, FALSE, NULL);
	pump->done = CreateEventW(NULL, TRUE, TRUE, NULL);
	_beginthreadex(NULL, 0, fn, NULL, 0, NULL);
}

static void pump_go(struct pump *pump)
{
	ResetEvent(pump->done);
	SetEvent(pump->go);
}

static unsigned int __stdcall reader_main(void *arg)
{
	struct pump *pump = &term.reader;

	(void)arg;
	while (WaitForSingleObject(pump->go, INFINITE) == WAIT_OBJECT_0) {
		pump->bytes = 0;
		pump->error = ReadFile(term.in, pump->data, 512, &pump->bytes,
				       NULL) ? 0 : GetLastError();
		SetEvent(pump->done);
	}
	return 0;
}

/* ---- keys ---- */

/* What a terminal sends for keys that are no characters (xterm's). */
static const char *key_sequence(WORD key)
{
	static const struct {
		WORD key;
		const char *sequence;
	} keys[] = {
		{ VK_UP, "\033[A" }, { VK_DOWN, "\033[B" },
		{ VK_RIGHT, "\033[C" }, { VK_LEFT, "\033[D" },
		{ VK_HOME, "\033[H" }, { VK_END, "\033[F" },
		{ VK_INSERT, "\033[2~" }, { VK_DELETE, "\033[3~" },
		{ VK_PRIOR, "\033[5~" }, { VK_NEXT, "\033[6~" },
		{ VK_F1, "\033OP" }, { VK_F2, "\033OQ" },
		{ VK_F3, "\033OR" }, { VK_F4, "\033OS" },
		{ VK_F5, "\033[15~" }, { VK_F6, "\033[17~" },
		{ VK_F7, "\033[18~" }, { VK_F8, "\033[19~" },
		{ VK_F9, "\033[20~" }, { VK_F10, "\033[21~" },
		{ VK_F11, "\033[23~" }, { VK_F12, "\033[24~" },
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == key)
			return keys[i].sequence;
	return "";
}

/* One character typed; the first half of a pair waits for the second. */
static size_t key_character(wchar_t c, int alt, char *to, size_t room)
{
	wchar_t pair[2] = { term.high, c };
	int half = c >= 0xdc00 && c <= 0xdfff && term.high;
	size_t used = 0;

	term.high = c >= 0xd800 && c <= 0xdbff ? c : 0;
	if (term.high)
		return 0;
	if (alt && room)
		to[used++] = '\033';
	return used + (size_t)WideCharToMultiByte(CP_UTF8, 0, half ? pair :
						  pair + 1, half ? 2 : 1,
						  to + used,
						  (int)(room - used), NULL,
						  NULL);
}

static size_t key_bytes(const KEY_EVENT_RECORD *key, char *to, size_t room)
{
	DWORD state = key->dwControlKeyState;
	int alt_gr = (state & RIGHT_ALT_PRESSED) && (state & LEFT_CTRL_PRESSED);
	int alt = (state & (LEFT_ALT_PRESSED | RIGHT_ALT_PRESSED)) && !alt_gr;
	wchar_t c = key->uChar.UnicodeChar;
	const char *text;
	int typed;

	/* Alt and digits make a character when Alt is released. */
	if (!key->bKeyDown && !(key->wVirtualKeyCode == VK_MENU && c))
		return 0;
	/* Ctrl-space is the character 0. */
	typed = c || key->wVirtualKeyCode == VK_SPACE;
	if (term.vt_in || !key->bKeyDown)
		return typed ? key_character(c, 0, to, room) : 0;
	if (key->wVirtualKeyCode == VK_BACK)
		c = 0x7f;
	if (typed)
		return key_character(c, alt, to, room);
	text = key_sequence(key->wVirtualKeyCode);
	memcpy(to, text, strlen(text));
	return strlen(text);
}

/* Of focus and mouse the guest's console, a line of bytes, knows nothing. */
static int read_console(char *buf, size_t size)
{
	INPUT_RECORD records[KEYS];
	size_t used = 0, i;
	DWORD got = 0, max = (DWORD)(size / 8 < KEYS ? size / 8 : KEYS);
	WORD repeat;

	if (!ReadConsoleInputW(term.in, records, max, &got))
		return -1;
	for (i = 0; i < got; i++) {
		term.resized |= records[i].EventType ==
				WINDOW_BUFFER_SIZE_EVENT;
		if (records[i].EventType != KEY_EVENT)
			continue;
		repeat = records[i].Event.KeyEvent.wRepeatCount;
		for (; repeat && size - used >= 8; repeat--)
			used += key_bytes(&records[i].Event.KeyEvent,
					  buf + used, size - used);
	}
	return (int)used;
}

/* ---- input ---- */

HANDLE nt_input_event(void)
{
	if (term.in_console)
		return term.in;
	if (!term.reader.started) {
		pump_open(&term.reader, reader_main);
		pump_go(&term.reader);
	}
	return term.reader.done;
}

int os_input(void *buf, size_t size)
{
	struct pump *pump = &term.reader;
	DWORD bytes = pump->bytes;

	if (term.in_console)
		return read_console(buf, size);
	if (pump->error || !bytes)
		return -1;
	if (bytes > size)
		bytes = (DWORD)size;
	memcpy(buf, pump->data, bytes);
	pump->bytes -= bytes;
	memmove(pump->data, pump->data + bytes, pump->bytes);
	if (!pump->bytes)
		pump_go(pump);
	return (int)bytes;
}

/* ---- output ---- */

/* How many bytes at the end belong to a character that is not complete. */
static size_t incomplete(const char *data, size_t bytes)
{
	size_t back;
	unsigned char c;

	for (back = 1; back <= 3 && back <= bytes; back++) {
		c = (unsigned char)data[bytes - back];
		if ((c & 0xc0) == 0x80)
			continue;
		return c >= 0xf0 ? (back < 4 ? back : 0) :
		       c >= 0xe0 ? (back < 3 ? back : 0) :
		       c >= 0xc0 ? (back < 2 ? back : 0) : 0;
	}
	return 0;
}

static DWORD write_console(const char *data, size_t bytes)
{
	char text[sizeof(term.tail) + PART];
	wchar_t wide[sizeof(text)];
	size_t n = term.tail_bytes;
	DWORD done;
	int len;

	memcpy(text, term.tail, n);
	if (term.vt_out || !term.raw) {
		memcpy(text + n, data, bytes);
		n += bytes;
	} else {
		n += strip_ansi(&term.plain, data, bytes, text + n);
	}
	term.tail_bytes = incomplete(text, n);
	n -= term.tail_bytes;
	memcpy(term.tail, text + n, term.tail_bytes);
	len = MultiByteToWideChar(CP_UTF8, 0, text, (int)n, wide,
				  sizeof(text));
	return !len || WriteConsoleW(term.out, wide, (DWORD)len, &done, NULL) ?
	       0 : GetLastError();
}

static DWORD write_file(const char *data, DWORD bytes)
{
	DWORD at, done;

	for (at = 0; at < bytes; at += done)
		if (!WriteFile(term.out, data + at, bytes - at, &done, NULL))
			return GetLastError();
	return 0;
}

static unsigned int __stdcall writer_main(void *arg)
{
	struct pump *pump = &term.writer;

	(void)arg;
	while (WaitForSingleObject(pump->go, INFINITE) == WAIT_OBJECT_0) {
		pump->error = term.out_console ?
			      write_console(pump->data, pump->bytes) :
			      write_file(pump->data, pump->bytes);
		SetEvent(pump->done);
	}
	return 0;
}

const char *os_output(const void *data, size_t bytes)
{
	struct pump *pump = &term.writer;
	const char *at = data;
	HANDLE events[2];

	pump_open(pump, writer_main);
	/* Somebody gave up waiting: so does everybody else. */
	if (WaitForSingleObject(pump->done, 0) != WAIT_OBJECT_0)
		return NULL;
	events[0] = pump->done;
	events[1] = nt_unblocked();
	while (bytes) {
		pump->bytes = (DWORD)(bytes < PART ? bytes : PART);
		memcpy(pump->data, at, pump->bytes);
		at += pump->bytes;
		bytes -= pump->bytes;
		pump_go(pump);
		if (WaitForMultipleObjects(2, events, FALSE, INFINITE) !=
		    WAIT_OBJECT_0)
			return NULL;
		if (pump->error)
			return nt_words(pump->error);
	}
	return NULL;
}
