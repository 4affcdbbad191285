// SPDX-License-Identifier: Apache-2.0

// Package engine speaks with a Docker Engine, or with Podman's socket of the
// same language. It is the only package that knows the engine's client; what
// it takes and gives are plain values of its own.
package engine
