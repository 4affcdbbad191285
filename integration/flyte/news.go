// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"strings"
	"time"

	"drydock/executor"
	"drydock/integration/flyte/console"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/core"
	"drydock/sandbox"
)

// NewsType says what happened.
type NewsType string

// The types of News. Those that drydock run has too mean the same.
const (
	NewsReady   NewsType = "ready"   // the server is up
	NewsPython  NewsType = "python"  // it has found what tasks run with
	NewsEnding  NewsType = "ending"  // it was told to end
	NewsCreated NewsType = "created" // a run
	NewsQueued  NewsType = "queued"  // an action was accepted, or waits for room
	NewsPaused  NewsType = "paused"  // a condition waits for its signal
	NewsStarted NewsType = "started" // the program of an attempt
	NewsOutput  NewsType = "output"  // what an attempt prints; only of drydock flyte
	NewsSample  NewsType = "sample"
	NewsOOM     NewsType = "oom"      // seen while the attempt is under way
	NewsRetried NewsType = "retried"  // an attempt ended and another follows
	NewsEnded   NewsType = "ended"    // an action
	NewsOver    NewsType = "finished" // a run
	NewsStopped NewsType = "stopped"  // the server is down
)

// News is one thing that happened, for people and programs: a JSON line.
// Sizes are bytes and times seconds; what is not known is absent.
type News struct {
	Type NewsType  `json:"type"`
	Time time.Time `json:"time"` // UTC
	// ID is PROJECT/DOMAIN/RUN, and /ACTION after it for news of an action.
	ID      string `json:"id,omitempty"`
	Project string `json:"project,omitempty"`
	Domain  string `json:"domain,omitempty"`
	Run     string `json:"run,omitempty"`
	Action  string `json:"action,omitempty"`
	Parent  string `json:"parent,omitempty"`
	Group   string `json:"group,omitempty"`
	Name    string `json:"name,omitempty"` // of the task, trace or condition
	Kind    string `json:"kind,omitempty"` // task, trace, condition; of an error: user, system
	Attempt int    `json:"attempt,omitempty"`
	TaskID  string `json:"task_id,omitempty"` // names the attempt's directory in tasks/

	Sandbox string `json:"sandbox,omitempty"` // what the attempt runs in: native, docker
	Image   string `json:"image,omitempty"`   // the image, where it is one

	Waiting     string                `json:"waiting,omitempty"`
	Reason      string                `json:"reason,omitempty"` // of a retry
	MemoryLimit int64                 `json:"memory_limit,omitempty"`
	Limits      []sandbox.Enforcement `json:"limits,omitempty"`
	Notes       []string              `json:"notes,omitempty"`
	Text        string                `json:"text,omitempty"` // of output
	Sample      *SampleNews           `json:"sample,omitempty"`
	OOM         *executor.OOMReport   `json:"oom,omitempty"`

	Verdict  executor.Class          `json:"verdict,omitempty"`
	Code     string                  `json:"code,omitempty"`
	Message  string                  `json:"message,omitempty"`
	Seconds  float64                 `json:"seconds,omitempty"`
	Cached   bool                    `json:"cached,omitempty"`
	Attempts []executor.EndedAttempt `json:"attempts,omitempty"` // the last one, when this server saw its end
	ExitCode *int                    `json:"exit_code,omitempty"`

	Server *ServerNews `json:"server,omitempty"`
}

// SampleNews is what an attempt uses right now, in the words of drydock run.
type SampleNews struct {
	Memory     int64   `json:"memory"`
	Anon       int64   `json:"anon,omitempty"`
	File       int64   `json:"file,omitempty"`
	Shmem      int64   `json:"shmem,omitempty"`
	Kernel     int64   `json:"kernel,omitempty"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

// ServerNews says what is up.
type ServerNews struct {
	Endpoint string `json:"endpoint"`
	Console  string `json:"console"`
	PID      int    `json:"pid"`
	StateDir string `json:"state_dir"`
	Python   string `json:"python,omitempty"`
	SDK      string `json:"sdk,omitempty"`
	Sandbox  string `json:"sandbox,omitempty"` // native, auto, docker
	Engine   string `json:"engine,omitempty"`
	Network  string `json:"network,omitempty"` // of tasks in images
}

func sampleNews(s *sandbox.Sample) *SampleNews {
	n := &SampleNews{Memory: s.Memory, CPUSeconds: s.CPUSeconds}
	if b := s.Breakdown; b != nil {
		n.Anon, n.File, n.Shmem, n.Kernel = b.Anon, b.File, b.Shmem, b.Kernel
	}
	return n
}

func newsOfRun(t NewsType, id engine.RunID) News {
	return News{Type: t, ID: strings.Join([]string{id.Project, id.Domain, id.Name}, "/"), Project: id.Project, Domain: id.Domain, Run: id.Name}
}

func newsOf(t NewsType, a *engine.Action) News {
	n := newsOfRun(t, a.ID.Run)
	n.ID += "/" + a.ID.Name
	n.Action, n.Parent, n.Group, n.Name, n.Kind = a.ID.Name, a.Parent, a.Group, console.NameOf(a), kindOf(a)
	if last := a.Last(); last != nil {
		n.Attempt, n.TaskID, n.Sandbox, n.Image = last.Number, last.TaskID, last.Sandbox, last.Image
	}
	return n
}

func kindOf(a *engine.Action) string {
	switch {
	case a.Trace != nil:
		return "trace"
	case a.Condition != nil:
		return "condition"
	}
	return "task"
}

// VerdictOf is how an action or run ended, in drydock's words. An error that
// says that memory ran out is one, also when a parent let its child's through.
func VerdictOf(p common.ActionPhase, e *core.ExecutionError) executor.Class {
	switch p {
	case common.ActionPhase_ACTION_PHASE_SUCCEEDED, common.ActionPhase_ACTION_PHASE_RECOVERED:
		return executor.Succeeded
	case common.ActionPhase_ACTION_PHASE_TIMED_OUT:
		return executor.Timeout
	case common.ActionPhase_ACTION_PHASE_ABORTED:
		return executor.Aborted
	case common.ActionPhase_ACTION_PHASE_FAILED:
		if strings.Contains(strings.ToUpper(e.GetCode()), "OOM") {
			return executor.OOM
		}
		return executor.Failed
	}
	return executor.Unknown
}

// ExitCode is what drydock flyte exits with after a run that ended so.
func ExitCode(v executor.Class) int {
	codes := map[executor.Class]int{executor.Succeeded: 0, executor.Failed: 1, executor.OOM: 137, executor.Timeout: 124, executor.Aborted: 130}
	if code, ok := codes[v]; ok {
		return code
	}
	return 125
}
