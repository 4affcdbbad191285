// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/integration/flyte"
	"drydock/internal/top"
	"drydock/sandbox"
)

type statusOptions struct {
	JSON, Env        bool
	StateDir, Config string
	Given            map[string]bool
}

var statusPage = page{
	About: `Says whether a drydock up serves this state directory: where, since when, with which
Python, and how many runs there are; and what the tasks of all users hold of this machine:
their requests of CPU, memory and disk, whether they use it or not.

--env prints shell lines that let programs on this machine read what tasks left as
File, Dir or DataFrame: they lie in drydock's own object storage, and the SDK finds it
by FLYTE_AWS_ENDPOINT and its two keys. The keys are secrets; eval keeps them off the
screen.`,
	Examples: []example{
		{"Is it up?", "drydock status"},
		{"Read a File that a run returned, in this shell", "eval \"$(drydock status --env)\"\npython3 fetch_results.py"},
		{"For a script", "drydock status --json | jq -r .endpoint"},
	},
	Exits: []exit{{"0", "it is up"}, {"1", "nothing is up"}, {"125", "drydock's own failure"}},
}

func newStatusCommand(w World) *cli.Command {
	var o statusOptions
	return &cli.Command{
		Name:  "status",
		Usage: "tell whether drydock up serves, where, and what it runs",
		Flags: []cli.Flag{
			jsonFlag(&o.JSON),
			&cli.BoolFlag{Name: "env", Usage: "print shell lines that give the SDK access to drydock's object storage", Destination: &o.Env},
			stateDirFlag(&o.StateDir), configFlag(&o.Config),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runStatus(c.Context, w, o)
		},
	}
}

// statusDocument is what status --json prints.
type statusDocument struct {
	Up bool `json:"up"`
	*flyte.Status
	Unresponsive string `json:"unresponsive,omitempty"` // why the server did not answer
	// Leased is what all tasks of this machine hold of it; nil: not known.
	Leased *sandbox.Amounts `json:"leased,omitempty"`
}

// statusPatience is how long a server may take to answer: it reads every run.
const statusPatience = 10 * time.Second

func runStatus(ctx context.Context, w World, o statusOptions) error {
	settings, err := loadSettings(w, o.Config, stateDirSetting(o.Given["state-dir"], o.StateDir))
	if err != nil {
		return err
	}
	home := flyte.Home{StateDir: settings.Get("state_dir").Text}
	info, err := home.Running()
	if err != nil {
		return err
	}
	if o.Env {
		return printStorageEnv(w, home, info)
	}
	machine := machineNow(settings)
	doc := statusDocument{Up: info != nil, Leased: machine.Leased}
	if info != nil {
		doc.Status = &flyte.Status{Info: *info, StateDir: home.StateDir}
		ask, cancel := context.WithTimeout(ctx, statusPatience)
		defer cancel()
		if s, err := askStatus(ask, info.Endpoint); err == nil {
			doc.Status = &s
		} else {
			doc.Unresponsive = err.Error()
		}
	}
	if o.JSON {
		err = json.NewEncoder(w.Stdout).Encode(doc)
	} else {
		err = printStatus(w, home, doc, machine)
	}
	if err == nil && !doc.Up {
		err = codeError{exitProblems}
	}
	return err
}

func askStatus(ctx context.Context, endpoint string) (flyte.Status, error) {
	if endpoint == "" {
		return flyte.Status{}, errors.New("it is starting")
	}
	c := flyte.NewClient(endpoint)
	defer c.Close()
	return c.Status(ctx)
}

func printStatus(w World, home flyte.Home, doc statusDocument, machine top.Snapshot) error {
	taken := ""
	if machine.Leased != nil {
		taken = top.Leased(machine, ", ")
	}
	if !doc.Up {
		_, err := fmt.Fprintf(w.Stdout, "nothing is up on %s; drydock up starts it, or drydock up --native where there is no container engine\n", home.StateDir)
		if err == nil && taken != "" {
			_, err = fmt.Fprintf(w.Stdout, "leased of this machine: %s\n", taken)
		}
		return err
	}
	t := tabwriter.NewWriter(w.Stdout, 0, 0, 2, ' ', 0)
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", key, value)
		}
	}
	s := doc.Status
	row("endpoint", s.Endpoint)
	row("console", s.Console)
	if s.PID != 0 {
		row("up", fmt.Sprintf("%s, pid %d", upTime(s.Since, w.Now()), s.PID))
	}
	if doc.Unresponsive != "" {
		row("runs", "not known: "+doc.Unresponsive)
	} else {
		row("runs", fmt.Sprintf("%d running, %d queued", s.Running, s.Queued))
	}
	if s.Engine != "" {
		row("images", s.Engine+", network "+s.Network)
	}
	if s.Python != "" {
		row("python", fmt.Sprintf("%s, flyte %s", s.Python, s.SDK))
	}
	row("leased", taken)
	row("state", home.StateDir)
	row("log", s.Log)
	return t.Flush()
}

// printStorageEnv prints the lines for a shell to evaluate.
func printStorageEnv(w World, home flyte.Home, info *flyte.Info) error {
	if info == nil || info.Endpoint == "" {
		return usagef("start it first: drydock up --detach", "nothing is up on %s", home.StateDir)
	}
	env, err := home.StorageEnv(info.Endpoint)
	if errors.Is(err, fs.ErrPermission) {
		return usagef("ask its owner, or use sudo", "the keys of the object storage are another user's")
	}
	if err != nil {
		return err
	}
	for _, v := range env {
		if _, err := fmt.Fprintf(w.Stdout, "export %s=%s\n", v.Name, shellQuote(v.Value)); err != nil {
			return err
		}
	}
	return nil
}
