/*
 * sandbox.c - three fences, each of which alone keeps a process that was taken over from doing harm
 *
 *	capabilities  none, not even in the bounding set; no program can give them back (no_new_privs)
 *	Landlock      paths: the engine none at all, the writer the store's folder; no TCP, no signals to others
 *	seccomp       system calls: what is listed works. What a program that was taken over would want (to execute, trace, load) kills; anything else is
 *	              refused with ENOSYS, so that a C library of tomorrow that tries a new call first and falls back to an old one still runs
 *
 * The engine holds a packet socket, and such a socket can also send. So no call that sends works on its descriptor, and no call that copies descriptors is allowed.
 */
#include "sensor/sandbox.h"

#include "sandbox_features.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if HAVE_CAP_NG
#include <cap-ng.h>
#endif
#if HAVE_SECCOMP
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <seccomp.h>
#include <sys/mman.h>
#endif

/* ---- user and capabilities ---- */

static int become(const struct sandbox_user *u, struct gs_error *err)
{
	if (setgroups(u->n_groups, u->groups) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0)
		return gs_fail_errno(err, GS_ERR_ACCESS, errno, "cannot become user %u", (unsigned)u->uid);
	if (u->uid != 0 && (setresuid(0, 0, 0) == 0 || seteuid(0) == 0))
		return gs_fail(err, GS_ERR_ACCESS, "user %u can become root again", (unsigned)u->uid);
	return 0;
}

int sandbox_user(const struct sandbox_user *u, struct sandbox_state *ret, struct gs_error *err)
{
#if HAVE_CAP_NG
	capng_get_caps_process();
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
		capng_clear(CAPNG_SELECT_BOUNDS); /* first: afterwards the right to do it is gone */
		if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
			return gs_fail_errno(err, GS_ERR_ACCESS, errno, "cannot give up the bounding set of capabilities");
	}
#endif
	if (u->set) {
		int r = become(u, err);
		if (r < 0)
			return r;
		ret->user = true;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return gs_fail_errno(err, GS_ERR_ACCESS, errno, "cannot set no_new_privs");
#if HAVE_CAP_NG
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return gs_fail_errno(err, GS_ERR_ACCESS, errno, "cannot give up capabilities");
	capng_get_caps_process();
	ret->capabilities = capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE;
#endif
	/* Not readable, nor traceable, by other processes of the same user; and no core dump with addresses in it. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

/* ---- Landlock: by number, because the C library has no functions for it ---- */

#define LANDLOCK_CREATE 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT 446
#define LANDLOCK_VERSION 1u
#define LANDLOCK_PATH_BENEATH 1

#define FS_EXECUTE (1u << 0)
#define FS_WRITE_FILE (1u << 1)
#define FS_READ_FILE (1u << 2)
#define FS_READ_DIR (1u << 3)
#define FS_REMOVE_FILE (1u << 5)
#define FS_MAKE_DIR (1u << 7)
#define FS_MAKE_REG (1u << 8)
#define FS_ALL_1 ((1u << 13) - 1)
#define FS_REFER (1u << 13)     /* ABI 2 */
#define FS_TRUNCATE (1u << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1u << 15) /* ABI 5 */
#define NET_TCP 3u              /* bind, connect: ABI 4 */
#define SCOPES 3u               /* abstract sockets, signals: ABI 6 */

struct landlock_ruleset {
	uint64_t fs, net, scoped;
};

struct landlock_path {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static int landlock_abi(void)
{
	long abi = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

static int landlock_allow(int rules, const char *path, uint64_t rights, bool must, struct gs_error *err)
{
	const int fd = open(path, O_PATH | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return must ? gs_fail_errno(err, GS_ERR_STORE, errno, "%s", path) : 0;
	struct landlock_path rule = { .allowed = rights, .fd = fd };
	if (syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, &rule, 0) < 0) {
		rule.allowed &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE; /* a file, no folder */
		if (errno != EINVAL || syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, &rule, 0) < 0)
			r = gs_fail_errno(err, GS_ERR_ACCESS, errno, "Landlock refuses a rule for %s", path);
	}
	close(fd);
	return r;
}

static int lock_paths(const struct sandbox_options *o, struct sandbox_state *ret, struct gs_error *err)
{
	const int abi = landlock_abi();

	if (abi == 0)
		return 0;
	struct landlock_ruleset set = { .fs = FS_ALL_1 };
	set.fs |= abi >= 2 ? FS_REFER : 0;
	set.fs |= abi >= 3 ? FS_TRUNCATE : 0;
	set.fs |= abi >= 5 ? FS_IOCTL_DEV : 0;
	set.net = abi >= 4 && o->role != ROLE_TELLER ? NET_TCP : 0;
	set.scoped = abi >= 6 ? SCOPES : 0;
	const size_t size = abi >= 6 ? sizeof set : abi >= 4 ? offsetof(struct landlock_ruleset, scoped) : offsetof(struct landlock_ruleset, net);
	const int rules = (int)syscall(LANDLOCK_CREATE, &set, size, 0);
	if (rules < 0)
		return gs_fail_errno(err, GS_ERR_ACCESS, errno, "Landlock %d is there, but takes no rules", abi);
	const uint64_t read = FS_READ_FILE | FS_READ_DIR;
	const uint64_t write = (read | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_MAKE_DIR | FS_TRUNCATE) & set.fs;
	int r = 0;
	for (unsigned i = 0; r == 0 && i < o->n_write; i++)
		r = landlock_allow(rules, o->write[i], write, true, err);
	for (unsigned i = 0; r == 0 && i < o->n_read; i++)
		r = landlock_allow(rules, o->read[i], read, false, err);
	if (r == 0 && syscall(LANDLOCK_RESTRICT, rules, 0) < 0)
		r = gs_fail_errno(err, GS_ERR_ACCESS, errno, "Landlock refuses to hold this process");
	close(rules);
	ret->landlock = r == 0;
	ret->landlock_abi = abi;
	return r;
}

/* ---- seccomp ---- */

#if HAVE_SECCOMP

/* Memory, time, waiting, the end: no way out of the process. */
static const int calls_all[] = {
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(clock_getres), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read),
	SCMP_SYS(close), SCMP_SYS(recvmsg), SCMP_SYS(sched_yield), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(fstat), SCMP_SYS(getrusage), SCMP_SYS(sigaltstack), SCMP_SYS(sched_getaffinity),
};

/* The capture's and the interface's counters. */
static const int calls_engine[] = { SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(recvfrom) };

/* Files that are followed, and peers of syslog. To open is in rules_logs. */
static const int calls_logs[] = {
	SCMP_SYS(stat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(accept4), SCMP_SYS(fcntl), SCMP_SYS(pread64), SCMP_SYS(getdents64),
};

/* Files; which ones, Landlock says. */
static const int calls_writer[] = {
	SCMP_SYS(sendmsg), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs),
	SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(getdents64), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(utimensat), SCMP_SYS(fadvise64), SCMP_SYS(msync), SCMP_SYS(dup), SCMP_SYS(writev), SCMP_SYS(write),
	SCMP_SYS(fchmodat), SCMP_SYS(umask), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(sysinfo),
};

/* Beside the writer's: the socket of the metrics, the size of the terminal. No way to make another socket but by accepting. */
static const int calls_teller[] = {
	SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(shutdown), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(sendfile),
};

/* What nothing here ever does: whoever tries has taken the process over. */
static const int calls_never[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(perf_event_open), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(reboot), SCMP_SYS(swapon),
	SCMP_SYS(personality), SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(setreuid),
};

static int rules_plain(scmp_filter_ctx f, uint32_t action, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = seccomp_rule_add(f, action, calls[i], 0);
		if (r == -EDOM || r == -EFAULT) /* this architecture has no such call */
			r = 0;
	}
	return r;
}
#define RULES(f, action, list) rules_plain(f, action, list, sizeof(list) / sizeof *(list))

/* Memory that can be written and executed is how foreign code gets in. */
static int rules_memory(scmp_filter_ctx f)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return r < 0 ? r : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int rules_engine(scmp_filter_ctx f, int packet_fd, bool writes)
{
	static const unsigned long controls[] = { SIOCGIFFLAGS, SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFMTU, SIOCETHTOOL };
	const struct scmp_arg_cmp not_packet = SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)packet_fd);
	int r = RULES(f, SCMP_ACT_ALLOW, calls_engine);

	for (size_t i = 0; r == 0 && i < sizeof controls / sizeof *controls; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, controls[i]));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO)); /* last words of the C library */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
	if (r == 0 && writes)
		r = packet_fd < 0 ? seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 0) : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, not_packet);
	if (r == 0 && writes)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ftruncate), 0);
	if (r == 0)
		r = packet_fd < 0 ? seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 0) : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1, not_packet);
	if (r == 0)
		r = packet_fd < 0 ? seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 0) : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, not_packet);
	return r;
}

/* Kills, but for reading tables, one by one and in batches, where the process has any. */
static int rules_bpf(scmp_filter_ctx f, bool reads)
{
	int r = 0;

	if (!reads)
		return seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 0);
	for (unsigned command = 0; r == 0 && command <= BPF_MAP_LOOKUP_AND_DELETE_BATCH; command++) {
		const bool read = command == BPF_MAP_LOOKUP_ELEM || command == BPF_MAP_LOOKUP_AND_DELETE_BATCH;
		r = seccomp_rule_add(f, read ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, command));
	}
	return r < 0 ? r : seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_GT, BPF_MAP_LOOKUP_AND_DELETE_BATCH));
}

/* To read and no more. */
static int rules_logs(scmp_filter_ctx f)
{
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC;
	int r = RULES(f, SCMP_ACT_ALLOW, calls_logs);

	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
#ifdef __NR_open
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writes, O_RDONLY));
#endif
	return r;
}

static int lock_calls(const struct sandbox_options *o, struct sandbox_state *ret, struct gs_error *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	if (!f)
		return gs_fail(err, GS_ERR_NOMEM, "out of memory");
	int r = RULES(f, SCMP_ACT_ALLOW, calls_all);
	if (r == 0)
		r = rules_memory(f);
	if (r == 0)
		r = RULES(f, SCMP_ACT_KILL_PROCESS, calls_never);
	if (r == 0)
		r = rules_bpf(f, o->fast_path);
	if (r == 0)
		r = o->role == ROLE_ENGINE ? rules_engine(f, o->packet_fd, o->writes) : RULES(f, SCMP_ACT_ALLOW, calls_writer);
	if (r == 0 && o->role == ROLE_ENGINE && o->logs)
		r = rules_logs(f);
	if (r == 0 && o->role == ROLE_TELLER)
		r = RULES(f, SCMP_ACT_ALLOW, calls_teller);
	if (r == 0 && o->role == ROLE_TELLER)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ));
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	if (r == -ECANCELED || r == -EINVAL) /* a kernel without it */
		return 0;
	if (r < 0)
		return gs_fail_errno(err, GS_ERR_ACCESS, -r, "cannot set the filter for system calls");
	ret->seccomp = true;
	return 0;
}

#else

static int lock_calls(const struct sandbox_options *o, struct sandbox_state *ret, struct gs_error *err)
{
	return 0;
}

#endif

/* ---- both ---- */

static void describe(struct sandbox_state *s)
{
	char paths[60];

	if (s->landlock)
		snprintf(paths, sizeof paths, "paths fenced (Landlock %d)", s->landlock_abi);
	else
		snprintf(paths, sizeof paths, "paths NOT fenced (no Landlock in this kernel)");
	snprintf(s->text, sizeof s->text, "%s%s, %s, %s", s->user ? "own user, " : "", s->capabilities ? "no capabilities" : "capabilities NOT cleared (built without libcap-ng)",
	         paths, s->seccomp ? "system calls listed (seccomp)" : HAVE_SECCOMP ? "system calls NOT limited (no seccomp in this kernel)" :
	         "system calls NOT limited (built without libseccomp)");
}

int sandbox_lock(const struct sandbox_options *o, struct sandbox_state *ret, struct gs_error *err)
{
	int r = lock_paths(o, ret, err);

	if (r == 0)
		r = lock_calls(o, ret, err);
	describe(ret);
	return r;
}

void sandbox_available(struct sandbox_state *ret)
{
	ret->capabilities = HAVE_CAP_NG;
	ret->landlock_abi = landlock_abi();
	ret->landlock = ret->landlock_abi > 0;
	ret->seccomp = HAVE_SECCOMP;
	describe(ret);
}
