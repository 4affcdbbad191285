// SPDX-License-Identifier: Apache-2.0

// Package fidelity holds the tests that do here what was done on a real
// kubelet, through the executor, its verdict and a real sandbox, and hold what
// comes of it against what the kubelet reported (package internal/fidelity).
//
// The sandbox is the native one, as root or as an ordinary user of a guest;
// -fidelity.sandbox=docker -fidelity.image=IMAGE asks a container engine,
// -fidelity.sandbox=docker -fidelity.engine=NAME one that is started for it.
// -fidelity.record DIR writes what was seen into DIR/BACKEND.json, "-" prints
// it on a line of its own. DRYDOCK_BIN and DRYDOCK_HOG name the programs where
// they cannot be built.
package fidelity
