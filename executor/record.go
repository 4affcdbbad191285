// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"drydock/internal/state"
	"drydock/resources"
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
	Version   int                 `json:"version"`
	ID        string              `json:"id"`
	Name      string              `json:"name,omitempty"`
	Time      time.Time           `json:"time"`
	Command   []string            `json:"command"`
	Resources resources.Resources `json:"resources"`
	Profile   string              `json:"profile,omitempty"`
	EnvNames  []string            `json:"env_names,omitempty"`
	CleanEnv  bool                `json:"clean_env,omitempty"`
	Image     string              `json:"image,omitempty"`
	WorkDir   string              `json:"work_dir,omitempty"`
	Timeout   float64             `json:"timeout_seconds,omitempty"`
	Retries   int                 `json:"retries,omitempty"`
	OOMRetry  *OOMRetry           `json:"oom_retry,omitempty"`
	ChildOOM  ChildOOM            `json:"child_oom,omitempty"`
}

// demandRecord is an attempt's demand.json: what the verdict will need beside
// the outcome.
type demandRecord struct {
	Version int              `json:"version"`
	Demand  resources.Demand `json:"demand"`
	Judge   JudgeOptions     `json:"judge"`
}

// verdictRecord is an attempt's verdict.json.
type verdictRecord struct {
	Version int `json:"version"`
	Verdict
}

func (r *run) recordTask() error {
	dir, err := r.state.CreateTask(r.id)
	if err != nil {
		return err
	}
	t := r.task
	return state.WriteJSON(filepath.Join(dir, state.TaskFile), taskRecord{
		Version: taskVersion, ID: r.id, Name: t.Name, Time: time.Now().UTC(),
		Command: t.Command, Resources: t.Resources, Profile: r.x.config.ProfileName,
		EnvNames: slices.Sorted(maps.Keys(t.Env)), CleanEnv: t.CleanEnv,
		Image: t.Image, WorkDir: t.WorkDir,
		Timeout: t.Timeout.Seconds(), Retries: t.Retries.Count, OOMRetry: t.OOMRetry, ChildOOM: t.ChildOOM,
	})
}

func (r *run) recordDemand(dir string, d resources.Demand, judge JudgeOptions) error {
	return state.WriteJSON(filepath.Join(dir, state.DemandFile), demandRecord{demandVersion, d, judge})
}

// recordVerdict writes verdict.json. That it cannot be written does not
// change what the end means: it becomes a warning.
func (r *run) recordVerdict(a Attempt) {
	r.warnUnrecorded(writeVerdict(a.Dir, a.Verdict))
}

func writeVerdict(dir string, v Verdict) error {
	return state.WriteJSON(filepath.Join(dir, state.VerdictFile), verdictRecord{verdictVersion, v})
}

// recordEnd writes ended.json of a task that was recorded.
func (r *run) recordEnd() {
	if r.recorded {
		path := filepath.Join(r.state.Task(r.id), state.EndedFile)
		r.warnUnrecorded(state.WriteJSON(path, r.result.Document()))
	}
}

func (r *run) warnUnrecorded(err error) {
	if err != nil {
		r.warn(resources.Warning{Field: "state", Code: codeNotRecorded,
			Text: fmt.Sprintf("the end of this task was not recorded: %v", err)})
	}
}
