// SPDX-License-Identifier: Apache-2.0

// Package admission decides when an attempt may start: who asks for cpu,
// memory, disk, pids and devices waits until this machine has them left.
//
// There are two desks. Machine counts what all processes of the machine hold,
// whoever started them: two shells, a server, a Go program, root and ordinary
// users. Local counts what one process holds, of a capacity of its own. Both
// go by one rule (see walk), and both hand out a Claim.
//
// # Files
//
// Machine's only truth is the lease directory. Three kinds of files lie there,
// and each counts exactly as long as a living process has it locked (flock,
// which the kernel frees whatever kills the holder):
//
//	claim.ID.N           what the executor of attempt N of task ID took, from
//	                     admission to its end
//	ID.N                 the lease of the attempt's supervisor (package
//	                     sandbox/supervise/client), which repeats the amounts:
//	                     a sandbox that outlives its executor stays counted,
//	                     and one that outlives its supervisor while its cgroup
//	                     has processes
//	ticket.TIME.ID.N     who waits, for what, since when
//
// The two files of one attempt and one user count once. A claim may be lent
// (see Claim.Lend); that holds for both, as long as the claim lives. Devices
// are never lent: the processes on them stay.
//
// # Devices
//
// A demand for devices is met by all of them at once or not at all. A ticket
// tells which there are and which sets will do, so that everybody comes to the
// same order; which set is best, and who else is on a device, only the process
// that waits knows (see Choice.Pick). Where the others expect another set, they
// find at their next look what is taken: the claim says it.
//
// A claim and a ticket get their name only when they are locked and complete.
// Nothing is ever opened for writing that lies there already: in a sticky
// directory that would fail for another user's file (fs.protected_regular).
// The dead ones are removed by whoever sees them and may; others ignore them.
// Dead leases are their sandbox's to remove, with what else it left.
//
// # The lock
//
// Reading and then claiming is one step for the machine: a lock on the
// directory itself. It is no file that anybody could delete or replace, and
// everybody who can read the directory can take it. A holder that is stopped,
// or hostile, keeps the others out; they give up after a time and name it.
package admission
