// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the built binaries as a whole, on a real kernel.
//
//	go test ./integration/e2e                    all of it (as root)
//	go test ./integration/e2e -run TestZoo/shm   some programs of the zoo
//	go test ./integration/e2e -zoo.dir DIR       another zoo
//
// The binaries are made by `make build`, once; DRYDOCK_BIN names a directory
// that holds them already. What a test cannot have on this machine makes it
// skip with the reason, or fail where DRYDOCK_REQUIRE promises it (package
// need).
//
// State and leases go to directories of the test's own, so that the tests
// neither wait for other tasks on this machine nor touch its history.
package e2e
