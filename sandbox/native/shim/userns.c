// SPDX-License-Identifier: Apache-2.0

// What an ordinary user's shim does first: see userns.go. Only a process of a
// single thread may enter a user namespace, so it is done before Go's runtime
// starts.

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

enum { CONTROL_FD = 3 };

static void give_up(const char *what)
{
	dprintf(STDERR_FILENO, "drydock-shim: %s: %s\n", what, strerror(errno));
	_exit(125);
}

__attribute__((constructor)) static void enter_user_namespace(void)
{
	char go_on;
	if (!getenv("DRYDOCK_USERNS")) return;
	unsetenv("DRYDOCK_USERNS"); // those that we start are in it already
	if (unshare(CLONE_NEWUSER)) give_up("make a user namespace");
	// drydock maps our ids now; without them nothing below is allowed.
	if (write(CONTROL_FD, "u", 1) != 1) give_up("ask for ids");
	if (read(CONTROL_FD, &go_on, 1) != 1) give_up("wait for ids");
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0)) give_up("become root of the user namespace");
	if (unshare(CLONE_NEWNS)) give_up("make a mount namespace");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) give_up("make the mounts private");
}
