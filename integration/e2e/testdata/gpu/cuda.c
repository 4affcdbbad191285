// SPDX-License-Identifier: Apache-2.0

// A stand-in for CUDA's driver library, of the first GPU of nvml.c: it has 79
// GiB to give, and every kernel faults. It is there for those who may open the
// control node.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_OF_MEMORY 2
#define NO_DEVICE 100
#define ILLEGAL_ADDRESS 700

static long long used;

static void put(const char *name, long long n)
{
	char at[4096], draft[4096];
	snprintf(at, sizeof at, "%s/%s", getenv("FAKE_GPU"), name);
	snprintf(draft, sizeof draft, "%s.draft", at);
	FILE *f = fopen(draft, "w");
	if (!f)
		return;
	fprintf(f, "%lld", n);
	fclose(f);
	rename(draft, at);
}

__attribute__((destructor)) static void end(void) { put("used", 0); }

int cuInit(unsigned flags) { return access("/dev/nvidiactl", R_OK | W_OK) ? NO_DEVICE : 0; }
int cuDeviceGetCount(int *n) { *n = 1; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *s, int n, int d) { snprintf(s, n, "NVIDIA A100-SXM4-80GB"); return 0; }
int cuDeviceGetUuid_v2(unsigned char *u, int d) { memset(u, 0, 16); return 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = &used; return 0; }
int cuCtxSetCurrent(void *c) { return 0; }

int cuGetErrorName(int code, const char **text)
{
	*text = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : code == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_ILLEGAL_ADDRESS";
	return 0;
}

int cuMemAlloc_v2(unsigned long long *at, size_t n)
{
	if (used + (long long)n > 79LL << 30)
		return OUT_OF_MEMORY;
	put("used", used += n);
	return 0;
}

int cuModuleLoadData(void **m, const void *image) { *m = &used; return 0; }
int cuModuleGetFunction(void **f, void *m, const char *name) { *f = &used; return 0; }

int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **args, void **extra)
{
	put("xid", 31);
	return 0;
}

int cuCtxSynchronize(void) { return ILLEGAL_ADDRESS; }
