#include "render/json_value.h"

#include "base/utf8.h"

static void put_char(struct gs_buf *b, uint32_t c)
{
	switch (c) {
	case '"':
		gs_buf_puts(b, "\\\"");
		break;
	case '\\':
		gs_buf_puts(b, "\\\\");
		break;
	case '\n':
		gs_buf_puts(b, "\\n");
		break;
	case '\r':
		gs_buf_puts(b, "\\r");
		break;
	case '\t':
		gs_buf_puts(b, "\\t");
		break;
	default:
		if (gs_utf8_is_control(c) || c == 0x2028 || c == 0x2029) /* the last two end a line in JavaScript */
			gs_buf_printf(b, "\\u%04x", (unsigned)c);
		else
			gs_utf8_put(b, c);
	}
}

void json_string(struct gs_buf *b, const char *text)
{
	if (!text) {
		gs_buf_puts(b, "null");
		return;
	}
	gs_buf_putc(b, '"');
	for (uint32_t c; (c = gs_utf8_next(&text)) != 0;)
		put_char(b, c);
	gs_buf_putc(b, '"');
}

/* Numbers, true and false stand bare. */
static bool is_bare(uint8_t type)
{
	switch (type) {
	case GS_CELL_COUNT:
	case GS_CELL_BYTES:
	case GS_CELL_NUMBER:
	case GS_CELL_ASN:
	case GS_CELL_SHARE:
	case GS_CELL_REAL:
	case GS_CELL_BOOL:
		return true;
	default:
		return false;
	}
}

static void put_cell(struct gs_buf *b, uint8_t type, const struct gs_cell *c)
{
	if (!c->set) {
		gs_buf_puts(b, "null");
	} else if (render_is_text(type, c)) {
		json_string(b, c->text);
	} else if (is_bare(type)) {
		render_value(b, type, c);
	} else { /* digits, letters, points and colons: nothing to escape */
		gs_buf_putc(b, '"');
		render_value(b, type, c);
		gs_buf_putc(b, '"');
	}
}

void json_row(struct gs_buf *b, const struct gs_column *columns, unsigned n, const struct gs_cell *cells)
{
	gs_buf_putc(b, '{');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			gs_buf_putc(b, ',');
		gs_buf_putc(b, '"');
		gs_buf_puts(b, columns[i].name);
		gs_buf_puts(b, "\":");
		put_cell(b, columns[i].type, &cells[i]);
	}
	gs_buf_putc(b, '}');
}
