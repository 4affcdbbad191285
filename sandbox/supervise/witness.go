// SPDX-License-Identifier: Apache-2.0

package supervise

import "drydock/sandbox"

// Witness is who measures an attempt and counts its OOM kills. Its methods
// are called by the goroutine of Run alone.
type Witness interface {
	// Watch begins, when the container exists and the program does not run
	// yet. The channel delivers whenever there may have been an OOM kill.
	Watch() <-chan Wake
	// Main tells the main process's PID on this machine, as soon as it is known.
	Main(pid int)
	// Track remembers who is in the attempt, so that a victim that has gone has a name.
	Track()
	// Sample takes one look at memory and CPU; false: there is nothing new to see.
	Sample() (Look, bool)
	// Kills is how many OOM kills there were since the start.
	Kills() (int64, error)
	// NoteVictims adds to o, right after a kill, those that can be seen to be
	// its victims.
	NoteVictims(o *sandbox.Outcome)
	// Settle writes the final facts into o: counters, memory, CPU, processes,
	// victims, what was left over. The main process has been reaped, or the
	// program never ran.
	Settle(o *sandbox.Outcome)
	// Close ends what Watch began.
	Close()
}

// Wake is a hint that there may have been an OOM kill.
type Wake struct {
	// Early says that the news comes before the kill that it is about, which
	// may also be another group's.
	Early bool
}

// Look is a sample, and whether the main process was about to be gone: then
// its memory has been given back.
type Look struct {
	sandbox.Sample
	Ending bool
}
