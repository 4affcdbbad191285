// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"drydock/internal/failpoint"
	"drydock/internal/state"
	"drydock/resources"
	"drydock/sandbox"
)

// Versions of the documents in the state directory. A newer one is refused.
const (
	taskVersion    = 1
	demandVersion  = 1
	verdictVersion = 1
)

// taskRecord is task.json: what was asked. The values of environment
// variables are left out, because secrets travel in them.
type taskRecord struct {
	Version     int                 `json:"version"`
	ID          string              `json:"id"`
	Name        string              `json:"name,omitempty"`
	Time        time.Time           `json:"time"`
	Command     []string            `json:"command"`
	Resources   resources.Resources `json:"resources"`
	Profile     string              `json:"profile,omitempty"`
	EnvNames    []string            `json:"env_names,omitempty"`
	CleanEnv    bool                `json:"clean_env,omitempty"`
	Image       string              `json:"image,omitempty"`
	Entry       []string            `json:"entrypoint,omitempty"`
	Pull        sandbox.PullPolicy  `json:"pull,omitempty"`
	Platform    string              `json:"platform,omitempty"`
	WorkDir     string              `json:"work_dir,omitempty"`
	Scratch     string              `json:"scratch,omitempty"`
	Timeout     float64             `json:"timeout_seconds,omitempty"`
	Retries     int                 `json:"retries,omitempty"`
	Backoff     float64             `json:"retry_backoff_seconds,omitempty"`
	OOMRetry    *OOMRetry           `json:"oom_retry,omitempty"`
	ChildOOM    ChildOOM            `json:"child_oom,omitempty"`
	DiskEnforce sandbox.DiskEnforce `json:"disk_enforce,omitempty"`
}

// demandRecord is an attempt's demand.json: what the verdict will need beside
// the outcome, and what another process needs to follow the attempt.
type demandRecord struct {
	Version      int                   `json:"version"`
	Demand       resources.Demand      `json:"demand"`
	Judge        JudgeOptions          `json:"judge"`
	Limits       sandbox.Limits        `json:"limits,omitzero"`
	Grace        float64               `json:"grace_seconds,omitempty"`
	Enforcement  []sandbox.Enforcement `json:"enforcement,omitempty"`
	Accelerators *Accelerators         `json:"accelerators,omitempty"`
}

// verdictRecord is an attempt's verdict.json.
type verdictRecord struct {
	Version int `json:"version"`
	Verdict
}

func (r *run) recordTask() error {
	dir, err := r.state.CreateTask(r.id)
	if errors.Is(err, fs.ErrExist) {
		return refuse(err, "take a new one from executor.NewID", "there is a task %s already", r.id)
	}
	if err != nil {
		return err
	}
	failpoint.At(failpoint.TaskDir)
	if err := r.lock(); err != nil {
		return err
	}
	t := r.task
	err = state.WriteJSON(filepath.Join(dir, state.TaskFile), taskRecord{
		Version: taskVersion, ID: r.id, Name: t.Name, Time: time.Now().UTC(),
		Command: t.Command, Resources: t.Resources, Profile: r.x.config.ProfileName,
		EnvNames: slices.Sorted(maps.Keys(t.Env)), CleanEnv: t.CleanEnv,
		Image: t.Image, Entry: t.Entrypoint, Pull: t.Pull, Platform: t.Platform,
		WorkDir: t.WorkDir, Scratch: t.Scratch,
		Timeout: t.Timeout.Seconds(), Retries: t.Retries.Count, Backoff: t.Retries.Backoff.Seconds(), OOMRetry: t.OOMRetry, ChildOOM: t.ChildOOM, DiskEnforce: t.DiskEnforce,
	})
	failpoint.At(failpoint.TaskRecorded)
	return err
}

// lock makes the task ours until unlock: nobody adopts it meanwhile.
func (r *run) lock() error {
	unlock, err := r.state.LockTask(r.id)
	if errors.Is(err, state.ErrLocked) {
		return refuse(ErrInUse, "wait for its end, or end the process that holds it", "task %s is being run or followed already", r.id)
	}
	if err == nil {
		r.unlock = unlock
	}
	return err
}

func (r *run) recordDemand(spec sandbox.Spec, a Attempt, judge JudgeOptions, limits []sandbox.Enforcement) error {
	return state.WriteJSON(filepath.Join(spec.Dir, state.DemandFile), demandRecord{
		Version: demandVersion, Demand: a.Demand, Judge: judge,
		Limits: spec.Limits, Grace: spec.Grace.Seconds(), Enforcement: limits, Accelerators: a.Accelerators,
	})
}

// recordVerdict writes verdict.json. That it cannot be written does not
// change what the end means: it becomes a warning.
func (r *run) recordVerdict(a Attempt) {
	r.warnUnrecorded(writeVerdict(a.Dir, a.Verdict))
}

func writeVerdict(dir string, v Verdict) error {
	err := state.WriteJSON(filepath.Join(dir, state.VerdictFile), verdictRecord{verdictVersion, v})
	failpoint.At(failpoint.VerdictRecorded)
	return err
}

// recordEnd writes ended.json of a task that was recorded. What kills left half
// done goes before: afterwards nobody looks at the task again.
func (r *run) recordEnd() {
	if r.recorded {
		r.recordWaiting("")
		r.state.RemoveDrafts(r.id)
		path := filepath.Join(r.state.Task(r.id), state.EndedFile)
		r.warnUnrecorded(state.WriteJSON(path, r.result.Document()))
		failpoint.At(failpoint.EndRecorded)
	}
}

func (r *run) warnUnrecorded(err error) {
	if err != nil {
		r.warn(resources.Warning{Field: "state", Code: codeNotRecorded,
			Text: fmt.Sprintf("the end of this task was not recorded: %v", err)})
	}
}
