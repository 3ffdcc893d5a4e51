/*
 * error.h - codes for the program, a sentence for the person
 *
 * Two kinds of trouble, never mixed. A bad packet is data: a stop reason that is counted and kept (packet.h). A bad world
 * (file, disk, memory, option) is an error: a function returns one of the codes below, negative, and writes a sentence with
 * the path, the offset or the line into the struct gs_error that the caller owns. Libraries never print; the app prints once.
 */
#ifndef GRESCOPE_ERROR_H
#define GRESCOPE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

/* X(code, value, text) */
#define GS_ERROR_MAP(X)                                                                                                          \
	X(NOMEM, -1, "out of memory")                                                                                            \
	X(IO, -2, "input or output failed")                                                                                      \
	X(NOENT, -3, "no such file")                                                                                             \
	X(ACCESS, -4, "permission denied")                                                                                       \
	X(FORMAT, -5, "not a format that grescope reads")                                                                        \
	X(DAMAGED, -6, "damaged, read as far as possible")                                                                       \
	X(USAGE, -7, "wrong option or argument")                                                                                 \
	X(CONFIG, -8, "wrong configuration or data file")                                                                        \
	X(STORE, -9, "store failed")                                                                                             \
	X(LIMIT, -10, "a limit was reached")                                                                                     \
	X(NETWORK, -11, "network failed")                                                                                        \
	X(INTERRUPTED, -12, "interrupted")

enum gs_err {
	GS_OK = 0,
#define X(name, value, text) GS_ERR_##name = value,
	GS_ERROR_MAP(X)
#undef X
};

#define GS_ERROR_TEXT_MAX 512

/* Owned by the caller; zero it before the first use. Where NULL is passed for a struct gs_error *, only the code is returned. */
struct gs_error {
	int code;     /* enum gs_err */
	int sys;      /* errno where the system said why, else 0 */
	char text[GS_ERROR_TEXT_MAX]; /* one sentence without a full stop */
};

/* Fills *err (may be NULL) and returns code, so that a function can end with `return gs_fail(...)`. The text is cut to fit. */
int gs_fail(struct gs_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As gs_fail, and appends ": " and the words for the errno given; keeps the errno in err->sys. Chooses the code from the errno:
 * ENOENT -> GS_ERR_NOENT, EACCES and EPERM -> GS_ERR_ACCESS, ENOMEM -> GS_ERR_NOMEM, else the code given. */
int gs_fail_errno(struct gs_error *err, int code, int sys, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The general words for a code; never NULL. */
const char *gs_err_text(int code);

#endif
