// SPDX-License-Identifier: Apache-2.0

// hog does what its arguments say, one after the other. Sizes in MiB, times in
// milliseconds. Small and static, so that what it needs itself hardly counts.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MiB (1UL << 20)

static int is(const char *a, const char *b) { return !strcmp(a, b); }

static void say(int fd, const char *text) {
	size_t n = strlen(text);
	while (n > 0) {
		ssize_t k = write(fd, text, n);
		if (k <= 0) _exit(74);
		text += k, n -= k;
	}
}

static void fail(const char *what) {
	char line[512];
	snprintf(line, sizeof line, "%s: %s\n", what, strerror(errno));
	say(2, line);
	_exit(1);
}

static void nap(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&t, &t) && errno == EINTR) {}
}

static void touch(size_t mib) {
	size_t n = mib * MiB;
	volatile char *p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) fail("mmap");
	for (size_t i = 0; i < n; i += 4096) p[i] = 1;
}

// huge does so with huge pages, and tells whether it was given any.
static void huge(size_t mib) {
	volatile char *p = mmap(0, mib * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED) {
		printf("%s\n", strerror(errno));
		return;
	}
	for (size_t i = 0; i < mib * MiB; i += 4096) p[i] = 1;
	printf("ok\n");
}

static long cpu_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// The clock goes on across execve: what the runtime used before us counts.
static void burn(long ms) {
	long start = cpu_ms();
	while (cpu_ms() - start < ms);
}

static int filled(const char *path, size_t bytes, int unlinked) {
	static char block[65536];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0) fail(path);
	if (unlinked) unlink(path);
	while (bytes > 0) {
		ssize_t n = write(fd, block, bytes < sizeof block ? bytes : sizeof block);
		if (n < 0) fail(path);
		bytes -= n;
	}
	return fd;
}

static void fill(const char *path, size_t mib) { close(filled(path, mib * MiB, 0)); }

// pieces writes a file in pieces of KiB, and tells how many microseconds that took.
static void pieces(const char *path, size_t kib, size_t mib) {
	static char block[MiB];
	struct timespec a, b;
	size_t n = kib << 10;
	if (n < 1 || n > sizeof block) _exit(64);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0) fail(path);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (size_t left = mib * MiB; left >= n; left -= n)
		if (write(fd, block, n) < (ssize_t)n) fail(path);
	clock_gettime(CLOCK_MONOTONIC, &b);
	close(fd);
	printf("%ld\n", (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
}

// sized makes a file's apparent size so; what is added is a hole.
static void sized(const char *path, size_t mib) {
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, mib * MiB)) fail(path);
	close(fd);
}

// room tells a file system's size, what of it is taken, its mode and owner.
static void room(const char *path) {
	struct statvfs v;
	struct stat s;
	if (statvfs(path, &v) || stat(path, &s)) fail(path);
	unsigned long long unit = v.f_frsize;
	printf("%llu %llu %o %d:%d\n", v.f_blocks * unit, (v.f_blocks - v.f_bfree) * unit, s.st_mode & 07777, s.st_uid, s.st_gid);
}

// many makes n files of 4 KiB in a directory that it makes.
static void many(const char *dir, int n) {
	char path[4096];
	if (mkdir(dir, 0700)) fail(dir);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%d", dir, i);
		close(filled(path, 4096, 0));
	}
}

// links gives a file so many more names.
static void links(const char *path, int n) {
	char name[4096];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%s.%d", path, i);
		if (link(path, name)) fail(name);
	}
}

static void noise(size_t mib) {
	static char line[1024];
	memset(line, '.', sizeof line);
	line[sizeof line - 1] = 0;
	for (size_t i = 0; i < mib * 1024; i++) say(1, line), say(1, "\n");
}

static void map(const char *path, size_t mib, int unlinked) {
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, mib * MiB)) fail(path);
	if (unlinked) unlink(path);
	volatile char *p = mmap(0, mib * MiB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) fail("mmap");
	for (size_t i = 0; i < mib * MiB; i += 4096) p[i] = 1;
}

static void copy(int from) {
	static char block[65536];
	ssize_t n;
	while ((n = read(from, block, sizeof block)) > 0)
		for (ssize_t at = 0, k; at < n; at += k)
			if ((k = write(1, block + at, n - at)) <= 0) _exit(74);
}

static void cat(const char *path) {
	int fd = open(path, O_RDONLY);
	if (fd < 0) printf("%s\n", strerror(errno));
	else copy(fd), close(fd);
}

static void put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) printf("%s\n", strerror(errno));
	else printf("ok\n");
	if (fd >= 0) close(fd);
}

// try opens a device for reading and writing, and tells how that went.
static void try(const char *path) {
	int fd = open(path, O_RDWR);
	printf("%s\n", fd < 0 ? strerror(errno) : "ok");
	if (fd >= 0) close(fd);
}

// dial connects to a Unix socket; @NAME is an abstract one.
static void dial(const char *path) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	socklen_t n = sizeof a;
	if (path[0] == '@') a.sun_path[0] = 0, n = sizeof(sa_family_t) + strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, n)) printf("%s\n", strerror(errno));
	else printf("connected\n");
	if (fd >= 0) close(fd);
}

static void interfaces(void) {
	struct if_nameindex *all = if_nameindex();
	for (int i = 0; all && all[i].if_index; i++) printf("%s\n", all[i].if_name);
}

static void terminal(void) {
	struct winsize w = {0};
	ioctl(1, TIOCGWINSZ, &w);
	printf("%d%d%d %dx%d\n", isatty(0), isatty(1), isatty(2), w.ws_row, w.ws_col);
}

static void tidy(int number) {
	(void)number;
	say(1, "tidied up\n");
	_exit(0);
}

// forks starts n children that wait, until one is refused, and tells how many.
static void forks(int n) {
	int made = 0;
	for (; made < n; made++) {
		pid_t pid = fork();
		if (pid < 0) break;
		if (pid == 0) { pause(); _exit(0); }
	}
	printf("%d\n", made);
}

// child touches memory in a child and waits for it.
static void child(size_t mib) {
	int status;
	pid_t pid = fork();
	if (pid < 0) fail("fork");
	if (pid == 0) { touch(mib); _exit(0); }
	waitpid(pid, &status, 0);
	printf("child %d\n", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void background(long after, size_t mib) {
	pid_t pid = fork();
	if (pid < 0) fail("fork");
	if (pid == 0) { nap(after); touch(mib); pause(); }
}

// stray starts a process in a session of its own that holds the output open.
static void stray(void) {
	if (fork() == 0) { setsid(); signal(SIGTERM, SIG_IGN); for (;;) pause(); }
}

int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IONBF, 0);
	int at = 1;
#define NEXT (at < argc ? argv[at++] : (_exit(64), (char *)0))
#define NUMBER atol(NEXT)
	while (at < argc) {
		const char *op = argv[at++], *path;
		if (is(op, "out")) say(1, NEXT), say(1, "\n");
		else if (is(op, "err")) say(2, NEXT), say(2, "\n");
		else if (is(op, "touch")) touch(NUMBER);
		else if (is(op, "huge")) huge(NUMBER);
		else if (is(op, "child")) child(NUMBER);
		else if (is(op, "background")) { long after = NUMBER; background(after, NUMBER); }
		else if (is(op, "sleep")) nap(NUMBER);
		else if (is(op, "burn")) burn(NUMBER);
		else if (is(op, "fill")) { path = NEXT; fill(path, NUMBER); }
		else if (is(op, "hold")) { path = NEXT; filled(path, NUMBER * MiB, 1); }
		else if (is(op, "sparse")) { path = NEXT; sized(path, NUMBER); }
		else if (is(op, "pieces")) { path = NEXT; long kib = NUMBER; pieces(path, kib, NUMBER); }
		else if (is(op, "room")) room(NEXT);
		else if (is(op, "many")) { path = NEXT; many(path, NUMBER); }
		else if (is(op, "links")) { path = NEXT; links(path, NUMBER); }
		else if (is(op, "noise")) noise(NUMBER);
		else if (is(op, "map")) { path = NEXT; map(path, NUMBER, 0); }
		else if (is(op, "mapunlinked")) { path = NEXT; map(path, NUMBER, 1); }
		else if (is(op, "fallocate")) {
			path = NEXT;
			int fd = open(path, O_RDWR | O_CREAT, 0600);
			if (fd < 0 || fallocate(fd, 0, 0, NUMBER * MiB)) fail("fallocate");
		}
		else if (is(op, "ignore")) signal(SIGTERM, SIG_IGN), say(1, "ready\n");
		else if (is(op, "tidy")) signal(SIGTERM, tidy), say(1, "ready\n");
		else if (is(op, "segv")) { volatile int *p = 0; *p = 1; }
		else if (is(op, "forks")) forks(NUMBER);
		else if (is(op, "stray")) stray();
		else if (is(op, "cat")) copy(0);
		else if (is(op, "read")) cat(NEXT);
		else if (is(op, "write")) { path = NEXT; put(path, NEXT); }
		else if (is(op, "open")) try(NEXT);
		else if (is(op, "env")) { const char *v = getenv(NEXT); printf("%s\n", v ? v : "(unset)"); }
		else if (is(op, "cwd")) { char b[4096]; printf("%s\n", getcwd(b, sizeof b) ? b : "?"); }
		else if (is(op, "ids")) printf("%d:%d %d:%d\n", getuid(), getgid(), geteuid(), getegid());
		else if (is(op, "pid")) printf("%d\n", getpid());
		else if (is(op, "interfaces")) interfaces();
		else if (is(op, "terminal")) terminal();
		else if (is(op, "dial")) dial(NEXT);
		else if (is(op, "nofile")) printf("%ld\n", sysconf(_SC_OPEN_MAX));
		else if (is(op, "exit")) exit(NUMBER);
		else { say(2, "hog: what? "), say(2, op), say(2, "\n"); return 64; }
	}
	return 0;
}
