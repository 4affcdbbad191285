// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
)

func TestNextInterval(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   time.Duration
		taken int
		left  time.Duration
		want  time.Duration
	}{
		{"at first", 0, 0, 0, firstInterval},
		{"then", 5 * time.Second, 60, 0, secondInterval},
		{"then less often", time.Minute, 200, 0, thirdInterval},
		{"after hours", 10 * time.Hour, 3 * thinEvery, 0, 8 * thirdInterval},
		{"memory grows slowly", time.Minute, 200, time.Hour, thirdInterval},
		{"memory runs towards the limit", time.Minute, 200, time.Second, 125 * time.Millisecond},
		{"and is about to reach it", time.Minute, 200, time.Millisecond, firstInterval},
		{"as a seesaw for hours", 10 * time.Hour, 3 * thinEvery, time.Millisecond, 8 * firstInterval},
		{"for ever", 10000 * time.Hour, 1 << 40, 0, thirdInterval << 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := nextInterval(tt.age, tt.taken, tt.left); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTimeLeft(t *testing.T) {
	at := time.Now()
	before := sandbox.Sample{Time: at, Memory: 10}
	now := func(memory int64) sandbox.Sample { return sandbox.Sample{Time: at.Add(time.Second), Memory: memory} }
	for _, tt := range []struct {
		name        string
		before, now sandbox.Sample
		limit       int64
		want        time.Duration
	}{
		{"grows", before, now(20), 50, 3 * time.Second},
		{"stands still", before, now(10), 50, 0},
		{"shrinks", before, now(5), 50, 0},
		{"is there", before, now(50), 50, 0},
		{"no limit", before, now(50), 0, 0},
		{"the first sample", sandbox.Sample{}, now(20), 50, 0},
		{"hardly grows", before, now(11), 1 << 60, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := timeLeft(tt.before, tt.now, tt.limit); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// killer is a witness of one kill, which comes when everybody has stopped
// waiting for it.
type killer struct {
	blind
	kills int64
}

func (k *killer) Kills() (int64, error)        { return k.kills, nil }
func (*killer) Track()                         {}
func (*killer) Sample() (Look, bool)           { return Look{}, false }
func (*killer) NoteVictims(o *sandbox.Outcome) { o.Victims = append(o.Victims, sandbox.Victim{PID: 7}) }

// A kill that comes late after its announcement ends the rest of the attempt
// no later than the next sample.
func TestLateKill(t *testing.T) {
	a, box, _ := onDisk(t)
	a.Config.Spec.Limits.GroupKill, a.Group = true, sandbox.GroupEmulated
	witness := &killer{}
	a.Witness, a.watcher.witness = witness, witness
	a.watcher.announced(a, Wake{Early: true})
	for a.watcher.recheck != nil {
		<-a.watcher.recheck
		a.watcher.look(a)
	}
	if len(box.got) != 0 {
		t.Fatalf("sent %v before there was a kill", box.got)
	}
	witness.kills = 1
	for range 2 {
		a.watcher.sample(a)
		if !slices.Equal(box.got, []unix.Signal{unix.SIGKILL}) || len(a.Outcome.Victims) != 1 || a.Outcome.GroupKilledAt.IsZero() {
			t.Errorf("sent %v, victims %+v", box.got, a.Outcome.Victims)
		}
	}
}
