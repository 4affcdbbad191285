// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/internal/failpoint"
	"drydock/internal/state"
)

// newJudgeCommand is hidden: a supervisor starts it when its attempt ended and
// the drydock that waited for it is gone, so that the verdict and the task's end get written.
func newJudgeCommand(World) *cli.Command {
	return &cli.Command{
		Name:      "judge",
		Usage:     "write the verdict of an attempt that nobody waited for, and the end of its task",
		ArgsUsage: "DIR",
		Hidden:    true,
		Action:    func(c *cli.Context) error { return runJudge(c.Args().Slice()) },
	}
}

func runJudge(args []string) error {
	if len(args) != 1 {
		return usagef("drydock judge DIR", "name the directory of one attempt")
	}
	failpoint.At(failpoint.JudgeBegun)
	root, id, _, err := state.AttemptOf(args[0])
	if err == nil {
		_, err = executor.JudgeDir(args[0])
	}
	if err == nil {
		_, err = executor.EndTask(root, id)
	}
	if errors.Is(err, executor.ErrInUse) { // somebody looks after it after all
		return nil
	}
	return err
}
