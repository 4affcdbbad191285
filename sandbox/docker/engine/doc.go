// SPDX-License-Identifier: Apache-2.0

// Package engine speaks with a Docker Engine, or with Podman's socket of the
// same language. It is the only package that knows the engine's client; what
// it takes and gives are plain values of its own.
//
// Begin with Open, which finds the engine as the docker command does. Provide
// gets an image; Create, Attach, Start, Wait, Inspect and Remove are a
// container's life. A failed call is an *Error, whose Kind a program can act
// on, and whose text is the engine's; a program that could not be started is a
// *StartError, and an image that cannot be had an *sandbox.ImageError.
//
// It is tested with Docker Engine 20.10 and 28.5 and with Podman 4.3. What is
// known to be different with Podman:
//
//   - Attach makes the container's surroundings already, so that a *StartError
//     may come from there;
//   - a bind of what is not there, limits of files and processes that were not
//     asked for, and "host-gateway" are evened out here (podman.go);
//   - a pull tells no sizes, so there is no Progress of it;
//   - Stats has no breakdown of the memory, there is no "oom" event, and
//     State.OOMKilled stays false on cgroup v1.
package engine
