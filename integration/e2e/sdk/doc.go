// SPDX-License-Identifier: Apache-2.0

// Package sdk proves drydock's Flyte endpoint with the real, unmodified Python
// SDK: programs/ holds Flyte programs, and each test runs some of them against
// a server that was started as a user starts it.
//
//	go test ./integration/e2e/sdk                  all of it (as root)
//	go test ./integration/e2e/sdk -run TestHello   one program
//	go test ./integration/e2e/sdk -bench .         what it costs
//
// The SDK comes from the package index, pinned by requirements/, once per
// machine (package need). A program tells its checks one by one, and each is
// a subtest; tasks that have to be watched or held call a small server of the
// test's, the conductor.
package sdk
