// Memory, processes and ends in ways that are easy to overlook. Sizes in MiB.  odd WHAT [N]
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MiB (1UL << 20)
static int is(const char *a, const char *b) { return !strcmp(a, b); }

static int die(const char *what) {
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 3;
}

static char *map(size_t n, int flags, int fd) {
	char *p = mmap(0, n, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED) exit(die("mmap"));
	return p;
}

static void touch(volatile char *p, size_t n) {
	for (size_t i = 0; i < n; i += 4096) p[i] = (char)(i >> 12) | 1;
}

static void hog(size_t n) { touch(map(n, MAP_PRIVATE | MAP_ANONYMOUS, -1), n); }
static int done(void) { puts("done"); fflush(stdout); return 0; }

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	long a = argc > 2 ? atol(argv[2]) : 0;
	size_t n = a * MiB;
	int st;

	if (is(what, "hog")) { hog(n); return done(); }
	if (is(what, "shared")) { touch(map(n, MAP_SHARED | MAP_ANONYMOUS, -1), n); return done(); }
	if (is(what, "memfd")) {  // a file that is nowhere
		int fd = memfd_create("zoo", 0);
		if (fd < 0 || ftruncate(fd, n)) return die("memfd");
		touch(map(n, MAP_SHARED, fd), n);
		return done();
	}
	if (is(what, "pipes")) {  // the kernel's memory: full pipes
		static char full[1 << 16];
		struct rlimit r;
		getrlimit(RLIMIT_NOFILE, &r);
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
		for (int fd[2]; !pipe2(fd, O_NONBLOCK);) if (write(fd[1], full, sizeof full) < 0) break;
		return die("pipe");
	}
	if (is(what, "daemon")) {  // forked twice, a session of its own, descriptors closed
		if (!fork()) {
			setsid();
			if (!fork()) { for (int i = 0; i < 3; i++) close(i); hog(n); pause(); }
			_exit(0);
		}
		wait(&st);
		sleep(30);
		return 0;
	}
	if (is(what, "score")) {  // wants to be unkillable
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);
		puts(write(fd, "-1000", 5) == 5 ? "lowered" : "refused");
		fflush(stdout);
		hog(n);
		return done();
	}
	if (is(what, "giveback")) {
		char *p = map(n, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		for (int i = 0; i < 20; i++) { touch(p, n); madvise(p, n, MADV_DONTNEED); }
		return done();
	}
	if (is(what, "fpe")) { __asm__ volatile("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $1, %%eax; idivl %%ecx" ::: "eax", "ecx", "edx"); }
	if (is(what, "killall")) {
		for (int i = 0; i < 5; i++) if (!fork()) { pause(); _exit(0); }
		usleep(100000);
		int dead = 0, r = kill(-1, SIGKILL);
		while (wait(&st) > 0) dead += WIFSIGNALED(st);
		printf("%d %d\n", r, dead);
		return 0;
	}
	if (is(what, "orphans")) {  // they ignore SIGTERM, in sessions of their own
		for (long i = 0; i < a; i++) {
			pid_t p = fork();
			if (!p) { setsid(); if (!fork()) { signal(SIGTERM, SIG_IGN); for (;;) pause(); } _exit(0); }
			waitpid(p, 0, 0);
		}
		return done();
	}
	if (is(what, "closed")) { for (int f = 0; f < 3; f++) close(f); usleep(100000); return a; }
	if (is(what, "gonecwd")) {
		if (mkdir("gone", 0700) || chdir("gone") || rmdir("../gone")) return die("gone");
		if (open("x", O_CREAT | O_WRONLY, 0600) >= 0 || errno != ENOENT) return die("x");
		return done();
	}
	fprintf(stderr, "odd: what?\n");
	return 64;
}
