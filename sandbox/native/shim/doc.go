// SPDX-License-Identifier: Apache-2.0

// Command drydock-shim supervises one attempt of one task. It is the parent
// and the reaper of the container, the sole reader of its final counters and
// the writer of its outcome document; it outlives drydock, so that nothing is
// lost when drydock ends. It holds the container runtime (libcontainer) and
// as little else as it can: its re-executed self starts inside the task's
// cgroup, and what it needs there is charged to the task.
//
// It is started by package native and speaks the contract of package shimapi;
// it has no flags and is of no use by hand.
package main
