// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"drydock/sandbox"
)

// fakeProgram is what a running program has, and what was done to it.
type fakeProgram struct {
	anon, file, shm int64         // bytes charged
	onTerm          string        // "", "ignore" or "tidy"
	killAt          time.Time     // of the SIGKILL after a grace
	groupAt         time.Time     // of the emulated group kill
	later           *fakeLater    // a background child
	strays          int           // processes that outlive the main one
	cpu             time.Duration // burnt
	timedOut        bool
	sampled         time.Time
	disk            fakeDisk
}

// fakeLater is a child that touches memory some time later.
type fakeLater struct {
	at    time.Time
	bytes int64
}

const (
	fakeBase    = 1 << 20                // what the program itself needs
	fakeEmulate = 5 * time.Millisecond   // from an OOM kill to the emulated group kill
	fakeSample  = 100 * time.Millisecond // between two looks
	fakeTail    = 4096                   // bytes of output kept in Outcome.Tail
)

// fakeWord does one word of the program; a result other than nil ends it.
type fakeWord func(r *fakeRun, args []string) *sandbox.Exit

// fakeWords are the words with the number of their arguments. They mean what
// they mean to hog; sizes are MiB and times milliseconds. "free" (give all
// memory back), "cache MIB" (page cache, which never kills) and "signal NAME"
// (somebody outside sends one that ends the program) are the fake's own.
var fakeWords = map[string]struct {
	args int
	do   fakeWord
}{
	"out":         {1, func(r *fakeRun, a []string) *sandbox.Exit { return r.say(r.streams.Stdout, a[0]+"\n") }},
	"err":         {1, func(r *fakeRun, a []string) *sandbox.Exit { return r.say(r.streams.Stderr, a[0]+"\n") }},
	"exit":        {1, func(_ *fakeRun, a []string) *sandbox.Exit { return &sandbox.Exit{Code: int(fakeNumber(a[0])) & 255} }},
	"sleep":       {1, func(r *fakeRun, a []string) *sandbox.Exit { return r.pause(fakeMillis(a[0])) }},
	"burn":        {1, (*fakeRun).burn},
	"touch":       {1, func(r *fakeRun, a []string) *sandbox.Exit { return r.touch(&r.anon, fakeMiB(a[0]), true) }},
	"cache":       {1, (*fakeRun).cache},
	"free":        {0, func(r *fakeRun, _ []string) *sandbox.Exit { r.anon = 0; return nil }},
	"child":       {1, (*fakeRun).child},
	"background":  {2, (*fakeRun).background},
	"fill":        {2, (*fakeRun).fill},
	"map":         {2, (*fakeRun).mapped},
	"mapunlinked": {2, (*fakeRun).mapUnlinked},
	"fallocate":   {2, (*fakeRun).fallocate},
	"hold":        {2, (*fakeRun).hold},
	"many":        {2, (*fakeRun).many},
	"sparse":      {2, (*fakeRun).sparse},
	"room":        {1, (*fakeRun).room},
	"links":       {2, func(*fakeRun, []string) *sandbox.Exit { return nil }},
	"noise":       {1, (*fakeRun).noise},
	"read": {1, func(r *fakeRun, _ []string) *sandbox.Exit {
		return r.say(r.streams.Stdout, "No such file or directory\n")
	}},
	"cat":    {0, (*fakeRun).cat},
	"ignore": {0, func(r *fakeRun, _ []string) *sandbox.Exit { return r.ready("ignore") }},
	"tidy":   {0, func(r *fakeRun, _ []string) *sandbox.Exit { return r.ready("tidy") }},
	"segv":   {0, func(*fakeRun, []string) *sandbox.Exit { return fakeSignal("SIGSEGV") }},
	"signal": {1, func(_ *fakeRun, a []string) *sandbox.Exit { return fakeSignal(a[0]) }},
	"forks":  {1, (*fakeRun).forks},
	"stray":  {0, func(r *fakeRun, _ []string) *sandbox.Exit { r.strays++; return nil }},
	"cwd":    {0, func(r *fakeRun, _ []string) *sandbox.Exit { return r.say(r.streams.Stdout, r.spec.WorkDir+"\n") }},
	"env":    {1, (*fakeRun).env},
	"nofile": {0, func(r *fakeRun, _ []string) *sandbox.Exit {
		return r.say(r.streams.Stdout, fmt.Sprintln(r.spec.Limits.NoFile))
	}},
	"pid": {0, func(r *fakeRun, _ []string) *sandbox.Exit { return r.say(r.streams.Stdout, "1\n") }},
}

// execute does the words one after the other.
func (r *fakeRun) execute(words []string) *sandbox.Exit {
	r.sampled = time.Now()
	r.disk.looked = r.sampled
	if end := r.touch(&r.anon, fakeBase, true); end != nil {
		return end
	}
	for len(words) > 0 {
		word, known := fakeWords[words[0]]
		if !known || len(words) <= word.args {
			r.say(r.streams.Stderr, "hog: what? "+words[0]+"\n")
			return &sandbox.Exit{Code: 64}
		}
		// A stop that came meanwhile is heard between two words.
		if end := r.pause(0); end != nil {
			return end
		}
		if end := word.do(r, words[1:1+word.args]); end != nil {
			return end
		}
		words = words[1+word.args:]
	}
	return &sandbox.Exit{}
}

func (r *fakeRun) say(to io.Writer, text string) *sandbox.Exit {
	r.disk.log += int64(len(text))
	r.out.Tail += text
	if extra := len(r.out.Tail) - fakeTail; extra > 0 {
		r.out.Tail = r.out.Tail[extra:]
	}
	if to != nil {
		_, _ = io.WriteString(to, text) // what a writer refuses is its own loss
	}
	return nil
}

func (r *fakeRun) burn(args []string) *sandbox.Exit {
	work := fakeMillis(args[0])
	took := work
	if l := r.spec.Limits; l.CPUQuota > 0 && l.CPUPeriod > 0 {
		took = max(work, time.Duration(float64(work)*float64(l.CPUPeriod)/float64(l.CPUQuota)))
	}
	end := r.pause(took)
	r.cpu += work
	return end
}

// ready says that SIGTERM is dealt with from now on, and how.
func (r *fakeRun) ready(onTerm string) *sandbox.Exit {
	r.onTerm = onTerm
	return r.say(r.streams.Stdout, "ready\n")
}

func (r *fakeRun) cat([]string) *sandbox.Exit {
	if r.streams.Stdin == nil {
		return nil
	}
	to := r.streams.Stdout
	if to == nil {
		to = io.Discard
	}
	if _, err := io.Copy(to, r.streams.Stdin); err != nil {
		return &sandbox.Exit{Code: 74}
	}
	return nil
}

func (r *fakeRun) env(args []string) *sandbox.Exit {
	value := "(unset)"
	for _, entry := range r.spec.Env {
		if v, ok := strings.CutPrefix(entry, args[0]+"="); ok {
			value = v
		}
	}
	return r.say(r.streams.Stdout, value+"\n")
}

func (r *fakeRun) forks(args []string) *sandbox.Exit {
	want, room := fakeNumber(args[0]), r.spec.Limits.Pids-1
	made := want
	if r.spec.Limits.Pids > 0 && want > room {
		made = room
		r.out.Pids.Refused++
	}
	r.out.Pids.Peak = made + 1
	r.strays += int(made)
	return r.say(r.streams.Stdout, fmt.Sprintln(made))
}

// fakeSignals are the numbers of the signals that end programs.
var fakeSignals = map[string]int{"SIGKILL": 9, "SIGSEGV": 11, "SIGBUS": 7, "SIGABRT": 6, "SIGTERM": 15, "SIGINT": 2, "SIGPIPE": 13}

func fakeSignal(name string) *sandbox.Exit {
	return &sandbox.Exit{Code: 128 + fakeSignals[name], Signal: name}
}

// fakeNumber is 0 for what is no number, as C's atol.
func fakeNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func fakeMiB(s string) int64            { return fakeNumber(s) << 20 }
func fakeMillis(s string) time.Duration { return time.Duration(fakeNumber(s)) * time.Millisecond }

// fakePID is a child's process id inside.
const fakePID = 7
