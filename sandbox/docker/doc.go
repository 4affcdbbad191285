// SPDX-License-Identifier: Apache-2.0

// Package docker is the sandbox that runs attempts in container images, by a
// container engine: Docker's, or Podman's socket of the same language (package
// engine).
//
// Each attempt has a supervisor, a process of its own that outlives drydock
// (package supervise): this program, started again with SupervisorArg. It
// makes the container, moves its streams, keeps the timeout, counts, and writes
// the outcome; the engine only runs what it is told.
//
// Where drydock may write the host's cgroups and the engine is on this machine
// and takes a path for it, the container lies below a cgroup of drydock's own.
// Then the limit, the group kill and the counters are the kernel's own, as
// natively. Anywhere else (an ordinary user, a rootless or a remote engine, one
// that leaves cgroups to systemd) the engine holds the limits and says what
// was killed; the outcome names whose word it is (sandbox.Evidence).
//
// Begin with New; the supervisor's side with Supervise.
package docker
