// SPDX-License-Identifier: Apache-2.0

// Package registry keeps what outlives runs: the versions of deployed tasks,
// and the projects with their domains. It is written to the book; how clients
// ask for it is the api package's.
package registry
