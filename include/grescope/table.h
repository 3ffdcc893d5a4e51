/*
 * table.h - a question's answer: typed columns and rows, and the metadata that says how far to trust it
 *
 * Made by src/query, read by src/render. A table can arrive in pieces (gs_table_writer): the same columns, several batches of rows.
 */
#ifndef GRESCOPE_TABLE_H
#define GRESCOPE_TABLE_H

#include "grescope/error.h"
#include "grescope/origin.h"
#include "grescope/tally.h"
#include "grescope/types.h"

enum gs_cell_type {
	GS_CELL_TEXT,    /* text */
	GS_CELL_COUNT,   /* u64: packets, sources; exact in data formats, may be abbreviated in text */
	GS_CELL_BYTES,   /* u64: octets; text may abbreviate with a unit */
	GS_CELL_NUMBER,  /* u64: a number that is a name (port, protocol): never abbreviated */
	GS_CELL_ASN,     /* u64: as GS_CELL_NUMBER; text writes AS before it */
	GS_CELL_SHARE,   /* real: 0 to 1; text shows a bar and per cent */
	GS_CELL_REAL,    /* real */
	GS_CELL_TIME,    /* time */
	GS_CELL_ADDR,    /* addr */
	GS_CELL_PREFIX,  /* addr and prefix length in u64 */
	GS_CELL_HEX16,   /* u64 as 0x%04x */
	GS_CELL_HEX32,   /* u64 as 0x%08x */
	GS_CELL_BOOL,    /* u64: 0 or 1; text: no, yes; data formats: false, true */
};

struct gs_column {
	const char *name;        /* snake_case, a promise to users */
	const char *title;       /* heading for people */
	const char *description; /* one line, with the unit */
	uint8_t type;            /* enum gs_cell_type */
	uint8_t hidden_in_text;  /* text leaves it out (data formats never do) */
	uint8_t whole;           /* text never cuts it: it is a picture */
};

/*
 * One cell. set is false for "unknown", shown as empty (JSON: null). as_text: the value is withheld and `text` stands in its place, whatever the
 * column's type ("REDACTED" among addresses). Text is borrowed: as long as the call that passes the table; a renderer that keeps rows copies it.
 */
struct gs_cell {
	union {
		const char *text;
		uint64_t u64;
		double real;
		struct gs_time time;
	};
	struct gs_addr addr;
	bool set;
	bool as_text;
};

/* A number of the answer as a whole, by name. */
struct gs_figure {
	const char *name; /* snake_case, a promise to users */
	uint64_t value;
};

/* What a report says of itself. Owned by the caller of the renderer. */
struct gs_meta {
	const char *question;        /* "report by city" */
	const char *filters[16];     /* "--asn 3462", as given */
	unsigned n_filters;
	const char *const *sensors;  /* names */
	unsigned n_sensors;
	struct gs_time first_seen, last_seen; /* meaningful where packets > 0 */
	uint64_t packets, bytes, sources, sightings; /* of what matched, before --limit */
	bool no_totals;              /* the rows are no count of sightings: text leaves the line of totals out */
	bool sources_estimated;      /* some were folded: sources is an estimate */
	uint64_t rows_total;         /* rows before --limit */
	struct gs_tally tally;       /* of everything read */
	struct gs_database databases[GS_MAX_DATABASES];
	unsigned n_databases;
	const char *notes[16];       /* sentences a reader must not miss: missing data, folded sources, damaged input */
	unsigned n_notes;
	const char *findings[16];    /* the answer in sentences; the first n_findings_first stand before the table, the others after it */
	unsigned n_findings, n_findings_first;
	struct gs_figure figures[16]; /* totals of this question alone */
	unsigned n_figures;
};

struct gs_table {
	const struct gs_column *columns;
	unsigned n_columns;
	const struct gs_cell *cells; /* row by row: cells[row * n_columns + column] */
	size_t n_rows;
};

/*
 * A receiver of tables: the renderers implement it, queries call it. Calls in this order: begin once, rows any number of times, end once.
 * meta may be incomplete at begin (complete is false: totals are known only at end, as when rows are streamed) and is complete at end.
 */
struct gs_table_writer {
	int (*begin)(void *arg, const struct gs_column *columns, unsigned n_columns, const struct gs_meta *meta, bool complete,
	             struct gs_error *err);
	int (*rows)(void *arg, const struct gs_table *rows, struct gs_error *err);
	int (*end)(void *arg, const struct gs_meta *meta, struct gs_error *err);
	void *arg;
};

#endif
