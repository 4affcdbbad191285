// SPDX-License-Identifier: Apache-2.0

// Package native runs attempts with nothing installed: on the host's own root
// file system, in namespaces and cgroups made by the runtime embedded in
// drydock-shim, one small supervisor process per attempt.
//
// Begin with New and Sandbox.Start. What a Spec becomes stands in oci.go
// (limits, namespaces, security), hostview.go (what of the host is seen) and
// limits.go (what this machine enforces); the supervisor is package main in
// shim/, the contract with it is package shimapi. An attempt outlives the
// process that started it: Sandbox.Attach (attach.go) follows one later.
//
// An ordinary user's attempts differ: user.go begins with how, scope.go gets
// the cgroup, idmap.go the ids and hostview_user.go the root file system;
// usercheck.go tells what the machine lacks for it.
package native
