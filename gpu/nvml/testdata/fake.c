// SPDX-License-Identifier: Apache-2.0

// A stand-in for NVIDIA's library, built by the tests, each time with other
// parts: INIT is what nvmlInit_v2 does.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stdlib.h>

/* tell says who it is, at once: who reads may come, or kill it, at any moment. */
static void tell(void)
{
	const char *path = getenv("FAKE_PID");
	char draft[4096];
	snprintf(draft, sizeof draft, "%s.draft", path);
	FILE *f = fopen(draft, "w");
	fprintf(f, "%d", getpid());
	fclose(f);
	rename(draft, path);
}

static int hang(void)
{
	tell();
	for (;;)
		pause();
}

/* alive says who it is, every time. */
static int alive(void)
{
	tell();
	return 0;
}

static int crash(void)
{
	signal(SIGSEGV, SIG_DFL);
	kill(getpid(), SIGKILL);
	return 0;
}

#ifdef INIT
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
#endif

#ifdef GPUS
struct memory { unsigned long long total, free, used; };

int nvmlDeviceGetCount_v2(unsigned *n) { *n = GPUS; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = (void *)(long)(i + 1); return 0; }
#ifdef ATUUID
int nvmlDeviceGetHandleByUUID(const char *u, void **h) { *h = (void *)(atol(strrchr(u, '-') + 1) + 1); return ATUUID; }
#endif
int nvmlDeviceGetUUID(void *h, char *s, unsigned n) { snprintf(s, n, "GPU-fake-%ld", (long)h - 1); return 0; }
int nvmlDeviceGetName(void *h, char *s, unsigned n) { snprintf(s, n, "NVIDIA L4"); return 0; }
int nvmlDeviceGetMemoryInfo(void *h, struct memory *m) { memset(m, 0, sizeof *m); m->total = 23034ULL << 20; return 0; }
#endif
