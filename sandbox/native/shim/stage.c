// SPDX-License-Identifier: Apache-2.0

// The last step before the program: see stage.go. It runs before Go's runtime
// does, single-threaded, inside the finished container, and ends in execve or
// with a line on the error descriptor.

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SELF "/proc/self/fd/4"
enum { FIRST_FD = 3, WORDS_FD = 5, ERROR_FD = 6, LAST_FD = 6 };

// The first byte says that the stage was reached; nothing after it, that the
// program's execve succeeded. A failure is its errno and a sentence.
static void reached(void)
{
	if (write(ERROR_FD, "!", 1) != 1) _exit(255);
}

static void fail(int error, const char *what)
{
	dprintf(ERROR_FD, "%d exec %s: %s\n", error, what, strerror(error));
	_exit(255);
}

// The words: numbers are native 32-bit, every string ends with a NUL.
static char *at, *end;

static uint32_t number(void)
{
	uint32_t n;
	if (end - at < (long)sizeof n) fail(EPROTO, "words");
	memcpy(&n, at, sizeof n);
	at += sizeof n;
	return n;
}

static char *bytes(size_t n)
{
	char *start = at;
	if ((size_t)(end - at) < n) fail(EPROTO, "words");
	at += n;
	return start;
}

static char **strings(size_t room)
{
	uint32_t n = number();
	char **list = calloc((size_t)n + room + 1, sizeof *list);
	if (!list) fail(errno, "words");
	for (uint32_t i = 0; i < n; i++) {
		list[i] = at;
		char *nul = memchr(at, 0, (size_t)(end - at));
		if (!nul) fail(EPROTO, "words");
		at = nul + 1;
	}
	return list;
}

static const char *lookup(char **env, const char *name)
{
	size_t n = strlen(name);
	for (; *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=') return *env + n + 1;
	return NULL;
}

// The runtime gives its programs a HOME from passwd; ours must not lose it.
static void keep_home(char **env)
{
	const char *home = getenv("HOME");
	if (!home || lookup(env, "HOME")) return;
	while (*env) env++;
	if (asprintf(env, "HOME=%s", home) < 0) *env = NULL;
}

static int runnable(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

static void filter(struct sock_filter *code, uint32_t n)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = code };
	if (!n) return;
	if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog)) return;
	if (errno == EINVAL && !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) return;
	fail(errno, "seccomp"); // never run unfiltered
}

static void run(char **args, char **env)
{
	const char *name = args[0], *path = lookup(env, "PATH");
	if (strchr(name, '/')) {
		execve(name, args, env);
		fail(errno, name);
	}
	// As Go's exec.LookPath: an empty element is not the working directory.
	for (const char *dir = path; dir && *name; dir = *dir ? dir + 1 : NULL) {
		const char *stop = strchrnul(dir, ':');
		char *full;
		if (asprintf(&full, "%.*s/%s", (int)(stop - dir), dir, name) < 0) fail(errno, name);
		if (stop > dir && runnable(full)) {
			execve(full, args, env);
			fail(errno, full);
		}
		free(full);
		dir = stop;
	}
	dprintf(ERROR_FD, "%d exec: \"%s\": executable file not found in $PATH\n", ENOENT, name);
	_exit(255);
}

__attribute__((constructor)) static void stage(int argc, char **argv)
{
	if (argc != 1 || strcmp(argv[0], SELF)) return;
	for (int fd = FIRST_FD; fd <= LAST_FD; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);

	struct stat st;
	if (fstat(WORDS_FD, &st) || st.st_size <= 0) fail(EPROTO, "words");
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, WORDS_FD, 0);
	if (at == MAP_FAILED) fail(errno, "words");
	end = at + st.st_size;

	if (number()) prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0); // it was for us
	uint32_t n = number();
	struct sock_filter *code = (struct sock_filter *)bytes((size_t)n * sizeof *code);
	char **args = strings(0), **env = strings(1);
	if (!args[0]) fail(EPROTO, "words");
	keep_home(env);
	filter(code, n);
	// "/proc/self/fd/4" as the program must not name us.
	for (int fd = FIRST_FD; fd < ERROR_FD; fd++) close(fd);
	reached();
	run(args, env);
}
