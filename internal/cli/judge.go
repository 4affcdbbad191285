// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/urfave/cli/v2"

	"drydock/executor"
)

// newJudgeCommand is hidden: a supervisor starts it when its attempt ended and
// the drydock that waited for it is gone, so that the verdict gets written.
func newJudgeCommand(World) *cli.Command {
	return &cli.Command{
		Name:      "judge",
		Usage:     "write the verdict of an attempt that nobody waited for",
		ArgsUsage: "DIR",
		Hidden:    true,
		Action:    func(c *cli.Context) error { return runJudge(c.Args().Slice()) },
	}
}

func runJudge(args []string) error {
	if len(args) != 1 {
		return usagef("drydock judge DIR", "name the directory of one attempt")
	}
	_, err := executor.JudgeDir(args[0])
	return err
}
