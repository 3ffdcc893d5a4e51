#include "grescope/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void error_text(struct gs_error *err, int code, int sys, const char *format, va_list ap)
{
	char text[GS_ERROR_TEXT_MAX]; /* the old text may be an argument of the new one */

	vsnprintf(text, sizeof text, format, ap);
	err->code = code;
	err->sys = sys;
	memcpy(err->text, text, sizeof text);
}

int gs_fail(struct gs_error *err, int code, const char *format, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, format);
		error_text(err, code, 0, format, ap);
		va_end(ap);
	}
	return code;
}

int gs_fail_errno(struct gs_error *err, int code, int sys, const char *format, ...)
{
	if (sys == ENOENT)
		code = GS_ERR_NOENT;
	else if (sys == EACCES || sys == EPERM)
		code = GS_ERR_ACCESS;
	else if (sys == ENOMEM)
		code = GS_ERR_NOMEM;
	if (err) {
		va_list ap;
		va_start(ap, format);
		error_text(err, code, sys, format, ap);
		va_end(ap);
		size_t len = strlen(err->text);
		char words[128];
		const char *w = strerror_r(sys, words, sizeof words); /* GNU: may return its own string */
		snprintf(err->text + len, sizeof err->text - len, ": %s", w);
	}
	return code;
}

const char *gs_err_text(int code)
{
	switch (code) {
	case GS_OK:
		return "done";
#define X(name, value, text)                                                                                                     \
	case GS_ERR_##name:                                                                                                      \
		return text;
		GS_ERROR_MAP(X)
#undef X
	}
	return "unknown error";
}
