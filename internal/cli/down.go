// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/integration/flyte"
	"drydock/internal/options"
	"drydock/internal/report"
)

type downOptions struct {
	Keep             bool
	Timeout          string
	StateDir, Config string
	Given            map[string]bool
}

var downPage = page{
	About: `Ends the drydock up of this state directory, in the background or in another terminal,
and waits until it is gone. Unfinished runs are aborted, and their tasks end first:
SIGTERM, then SIGKILL after five seconds. With --keep their tasks go on without it,
and the next drydock up takes them up.

Runs, logs and data stay where they are.`,
	Examples: []example{
		{"End it, and what it runs", "drydock down"},
		{"Replace drydock by another version while tasks run", "drydock down --keep && drydock up --native --detach"},
	},
	Exits: []exit{{"0", "nothing is up any more"}, {"1", "it did not end in time"}, {"125", "drydock's own failure"}},
}

func newDownCommand(w World) *cli.Command {
	var o downOptions
	return &cli.Command{
		Name:  "down",
		Usage: "end drydock up",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "keep", Usage: "let running tasks go on; the next drydock up takes them up", Destination: &o.Keep},
			&cli.StringFlag{Name: "timeout", Usage: "`D` to wait for the end (1m)", Destination: &o.Timeout},
			stateDirFlag(&o.StateDir), configFlag(&o.Config),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runDown(w, o)
		},
	}
}

// downPatience is how long drydock down waits when nobody says otherwise.
const downPatience = time.Minute

func runDown(w World, o downOptions) error {
	patience := downPatience
	if o.Given["timeout"] {
		d, err := options.Timeout(o.Timeout)
		if err != nil {
			return flagged("--timeout", err)
		}
		patience = d
	}
	home, err := serverHome(w, o.Config, o.StateDir, o.Given)
	if err != nil {
		return err
	}
	info, err := home.Running()
	if err != nil {
		return err
	}
	if info == nil {
		fmt.Fprintf(w.Stdout, "nothing is up on %s\n", home.StateDir)
		return nil
	}
	if info.PID == 0 {
		return usagef("try again in a moment", "a drydock is starting or ending on %s", home.StateDir)
	}
	if err := signalServer(*info, o.Keep); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now, err := home.Running()
		switch {
		case err == nil && (now == nil || now.PID != 0 && now.PID != info.PID):
			fmt.Fprintf(w.Stdout, "ended (pid %d)\n", info.PID)
			return nil
		case time.Now().After(deadline):
			fmt.Fprintf(w.Stderr, "drydock: pid %d has not ended within %s; wait longer with --timeout, or end it at once with kill -9 %d: the next drydock up cleans up\n",
				info.PID, report.Lasted(patience), info.PID)
			return codeError{exitProblems}
		}
	}
}

// signalServer asks a server to end. The lock says that the process is there
// and still the one that wrote its id down.
func signalServer(info flyte.Info, keep bool) error {
	sig := syscall.SIGTERM
	if keep {
		sig = syscall.SIGUSR1
	}
	err := syscall.Kill(info.PID, sig)
	switch {
	case errors.Is(err, syscall.EPERM):
		return usagef("ask its owner, or use sudo", "the drydock with pid %d is another user's", info.PID)
	case err != nil && !errors.Is(err, syscall.ESRCH): // gone meanwhile: what was wanted
		return fmt.Errorf("end pid %d: %w", info.PID, err)
	}
	return nil
}

// serverHome is where the server of a state directory keeps its own files.
func serverHome(w World, configFile, stateDir string, given map[string]bool) (flyte.Home, error) {
	flags := map[string]string{}
	if given["state-dir"] {
		flags["state_dir"] = stateDir
	}
	s, err := loadSettings(w, configFile, flags)
	if err != nil {
		return flyte.Home{}, err
	}
	return flyte.Home{StateDir: s.Get("state_dir").Text}, nil
}
