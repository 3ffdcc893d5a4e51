/*
 * sandbox.h - giving up rights: user, capabilities, paths, system calls
 *
 * In two steps, so that a process can open what it needs between them: sandbox_user, then sandbox_lock. What the kernel or the build does not offer is left out and
 * said in `text`, never silently.
 */
#ifndef SENSOR_SANDBOX_H
#define SENSOR_SANDBOX_H

#include "grescope/error.h"
#include "sensor/message.h"

#include <sys/types.h>

#define SANDBOX_PATHS 24
#define SANDBOX_GROUPS 32

struct sandbox_user {
	bool set;       /* become that user; only root can */
	uid_t uid;
	gid_t gid;
	gid_t groups[SANDBOX_GROUPS];   /* further ones */
	unsigned n_groups;
};

struct sandbox_options {
	enum sensor_role role;
	bool writes;    /* engine: to files that the parent opened */
	bool fast_path; /* engine: reads the tables of a program in the kernel */
	bool logs;      /* engine: of logs. Opens files to read, below `read`; accepts on the sockets it has */
	int packet_fd;  /* engine: the capture's socket, that nothing may be sent on; -1: none */
	const char *write[SANDBOX_PATHS]; /* folders whose files may be read, written, made and removed */
	unsigned n_write;
	const char *read[SANDBOX_PATHS];  /* files and folders that may be read; missing ones are left out */
	unsigned n_read;
};

struct sandbox_state {
	bool user, capabilities, landlock, seccomp;
	int landlock_abi;
	char text[200]; /* "own user, no capabilities, no paths (Landlock 7), system calls listed (seccomp)" */
};

/* Becomes the user (with set), and gives up all capabilities for good, those that a program could get back included. */
int sandbox_user(const struct sandbox_user *u, struct sandbox_state *ret, struct gs_error *err);

/* Closes the process in: paths and system calls. Not reversible. */
int sandbox_lock(const struct sandbox_options *o, struct sandbox_state *ret, struct gs_error *err);

/* What would protect a process here, without doing it: for the first line that `watch` says. */
void sandbox_available(struct sandbox_state *ret);

#endif
