// SPDX-License-Identifier: Apache-2.0

// A stand-in for NVIDIA's management library, of a machine with two A100. What
// the first is used for stands in files of the directory $FAKE_GPU: used, its
// bytes, and xid, an error that each process is told once.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct memory { unsigned long long total, free, used; };
struct rates { unsigned gpu, memory; };
struct event { void *device; unsigned long long type, data; unsigned gi, ci; };

#define SUCCESS 0
#define TIMEOUT 10
#define XID 8

static const char *path(const char *name)
{
	static _Thread_local char at[4096];
	snprintf(at, sizeof at, "%s/%s", getenv("FAKE_GPU"), name);
	return at;
}

static long long number(const char *name)
{
	long long n = 0;
	FILE *f = fopen(path(name), "r");
	if (f) {
		if (fscanf(f, "%lld", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { snprintf(s, n, "580.0"); return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = (void *)(long)(i + 1); return SUCCESS; }
int nvmlDeviceGetHandleByUUID(const char *u, void **h) { *h = (void *)(atol(strrchr(u, '-') + 1) + 1); return SUCCESS; }
int nvmlDeviceGetUUID(void *h, char *s, unsigned n) { snprintf(s, n, "GPU-00000000-0000-0000-0000-%012ld", (long)h - 1); return SUCCESS; }
int nvmlDeviceGetName(void *h, char *s, unsigned n) { snprintf(s, n, "NVIDIA A100-SXM4-80GB"); return SUCCESS; }
int nvmlDeviceGetMinorNumber(void *h, unsigned *n) { *n = (long)h - 1; return SUCCESS; }
int nvmlDeviceGetUtilizationRates(void *h, struct rates *r) { r->gpu = 50; r->memory = 0; return SUCCESS; }

int nvmlDeviceGetMemoryInfo(void *h, struct memory *m)
{
	m->total = 80ULL << 30;
	m->used = h == (void *)1 ? number("used") : 0;
	m->free = m->total - m->used;
	return SUCCESS;
}

int nvmlEventSetCreate(void **set) { *set = (void *)1; return SUCCESS; }
int nvmlEventSetFree(void *set) { return SUCCESS; }
int nvmlDeviceGetSupportedEventTypes(void *h, unsigned long long *kinds) { *kinds = XID; return SUCCESS; }
int nvmlDeviceRegisterEvents(void *h, unsigned long long kinds, void *set) { return SUCCESS; }

int nvmlEventSetWait_v2(void *set, struct event *e, unsigned milliseconds)
{
	static long long told;
	long long xid = number("xid");
	if (xid > 0 && xid != told) {
		told = xid;
		*e = (struct event){ (void *)1, XID, xid, ~0u, ~0u };
		return SUCCESS;
	}
	usleep(milliseconds * 1000);
	return TIMEOUT;
}
