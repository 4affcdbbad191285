// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"github.com/urfave/cli/v2"
)

// flyteOptions are the flags of drydock flyte itself.
type flyteOptions struct {
	upOptions
	Keep bool
}

var flytePage = page{
	Usages: []string{"[FLAG…] [--] VERB [ARGUMENT…]"},
	About: `Runs the flyte command against drydock. drydock flyte run main.py main is
drydock up and flyte run in one: when no drydock up serves this state directory, a
private endpoint on a free port lives as long as the run. It follows the run to its
end: lines about every action on standard error, what the tasks print on standard
output (the children's with their name before it), and it exits with the run's
verdict.

Everything from the first word that is no flag of drydock's on is flyte's. Added are
--endpoint and --insecure; a project and a domain (` + defaultProject + `, ` + defaultDomain + `) unless you or your
configuration name others; and for run and rerun a --name. --follow is left out: drydock
follows by itself. Other verbs (get, deploy, abort, …) pass through and exit with flyte's
own code. File and Dir results can be read: the object storage is in flyte's environment.

A private endpoint runs tasks on this machine's own root file system; --sandbox auto
runs them in their images, as drydock up does.

Ctrl-C aborts the run in order; once more leaves at once.`,
	Examples: []example{
		{"Run main of main.py and wait for it", "drydock flyte run main.py main"},
		{"In the images that its tasks name", "drydock flyte --sandbox auto -- run main.py main"},
		{"With inputs, and as the cluster is configured", "drydock flyte --profile prod.yaml -- run main.py main --mib 700"},
		{"Leave the endpoint up, and look around", "drydock flyte --keep -- run main.py main\ndrydock flyte get run"},
		{"In CI: 137 means out of memory", "drydock flyte --quiet -- run train.py main; echo $?"},
	},
	Exits: []exit{
		{"0", "the run succeeded"},
		{"1", "it failed"},
		{"124", "it timed out"},
		{"125", "refused, or a failure of drydock's own: the run's end is not known"},
		{"130", "it was aborted, by Ctrl-C or by somebody else"},
		{"137", "it ran out of memory, and nothing caught that"},
		{"N", "flyte's own exit code, when it made no run"},
	},
}

func newFlyteCommand(w World) *cli.Command {
	var o flyteOptions
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "keep", Category: groupEndpoint, Destination: &o.Keep, Usage: "leave the endpoint up afterwards, as drydock up --detach does"},
	}
	for _, f := range upFlags(&o.upOptions) {
		switch f.Names()[0] {
		case "listen", "token-file", "detach": // it listens where it can, for itself
		default:
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:  "flyte",
		Usage: "run the flyte command against drydock, follow its run, exit with its verdict",
		Flags: flags,
		OnUsageError: func(c *cli.Context, err error, _ bool) error {
			return flagError(err, "drydock flyte", c.Command.Flags)
		},
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			o.nativeByDefault = true
			return runFlyte(c.Context, w, o, c.Args().Slice())
		},
	}
}
