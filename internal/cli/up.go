// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"github.com/urfave/cli/v2"

	"drydock/integration/flyte"
)

// upOptions are the flags of drydock up.
type upOptions struct {
	Native            bool
	Sandbox, Network  string
	nativeByDefault   bool // of drydock flyte: without an engine unless one is asked for
	Listen, TokenFile string
	Python, Secrets   string
	MaxQueued         int
	Detach            bool
	JSON, Quiet       bool
	Profile, StateDir string
	Node              string
	Config            string
	gpuOptions
	Given map[string]bool
}

// The groups of drydock up's help.
const (
	groupEndpoint = "Endpoint"
	groupTasks    = "Tasks"
)

var upPage = page{
	Usages: []string{"[FLAG…]", "--native [FLAG…]"},
	About: `Serves the Flyte 2 API on this machine, so that an unmodified Flyte program runs here
as on the cluster: each action in a sandbox of its own, with the resources it asks
for, the cluster's limits and the cluster's verdicts. A task that needs more memory
than its limit is killed like there, its parent catches flyte.errors.OOMError, and
the lines printed here say what happened and what to change.

A task runs in the image that it names, in a container engine (Docker, or Podman's
compatible socket): the image is looked for there first, and pulled when it is
missing. With --native every task runs on this machine's own root file system
instead, with the Python that the flyte command comes from: the active virtual
environment, or the first a0 on the PATH (--python names another). Tasks that name no
image always run that way. Each attempt says which it was, and why.

The endpoint listens on this machine only. Everything is kept in the state directory:
runs, their data and their logs outlive drydock, and a drydock up that was killed
takes its running tasks up again at the next start.

Ctrl-C (or drydock down, SIGTERM) once aborts unfinished runs and waits for their
tasks to end. drydock down --keep (SIGUSR1) leaves them running for the next drydock
up. Ctrl-C twice leaves at once.`,
	Examples: []example{
		{"Serve, and watch what runs; tasks run in their images", "drydock up"},
		{"Without images or a container engine", "drydock up --native"},
		{"In the background; then run something, look, and end it",
			"drydock up --native --detach\nflyte --endpoint localhost:8090 --insecure run --project demo --domain development main.py main\ndrydock status\ndrydock down"},
		{"On a free port, with the SDK of another environment", "drydock up --native --listen 127.0.0.1:0 --python ~/venvs/train"},
		{"As the cluster is configured", "drydock up --native --profile prod.yaml"},
		{"For a script", "drydock up --native --json | jq -r 'select(.type==\"ended\" and .verdict==\"oom\").message'"},
	},
	Exits: []exit{
		{"0", "it was told to end, and did"},
		{"125", "it could not start, or failed; the message says what to do"},
		{"130", "Ctrl-C twice: it left at once, and running tasks go on"},
	},
	Notes: []note{
		{"Images", "On the engine's bridge (--network bridge, the usual) tasks reach drydock at this machine's\n" +
			"address there, where it listens as well; whoever else is on the bridge is refused. Where a\n" +
			"firewall drops what comes from there, or the engine has no bridge, take --network host."},
		{"Other machines", "--listen on an address that others reach needs --token-file, and whoever comes from\n" +
			"elsewhere must send the token as Authorization: Bearer TOKEN. The SDK sends none without\n" +
			"TLS; an SSH tunnel needs no token: ssh -L 8090:localhost:8090 HOST"},
	},
}

func newUpCommand(w World) *cli.Command {
	var o upOptions
	return &cli.Command{
		Name:  "up",
		Usage: "serve the Flyte API: flyte programs run here as on the cluster",
		Flags: upFlags(&o),
		OnUsageError: func(c *cli.Context, err error, _ bool) error {
			o.JSON, _ = outputFlags(w.Args)
			return upFailed(w, o, flagError(err, "drydock up", c.Command.Flags))
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return upFailed(w, o, err)
			}
			o.Given = givenFlags(c)
			return runUp(c.Context, w, o)
		},
	}
}

// newServeCommand is hidden: drydock up --detach starts it in the background.
// It is drydock up that tells descriptor 3 how its start went.
func newServeCommand(w World) *cli.Command {
	var o upOptions
	return &cli.Command{
		Name:   "__serve",
		Hidden: true,
		Flags:  upFlags(&o),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runDetached(c.Context, w, o)
		},
	}
}

func upFlags(o *upOptions) []cli.Flag {
	str := func(group, name, meta, usage string, to *string) cli.Flag {
		return &cli.StringFlag{Name: name, Category: group, Destination: to, Usage: "`" + meta + "` " + usage}
	}
	sw := func(group, name, usage string, to *bool, aliases ...string) cli.Flag {
		return &cli.BoolFlag{Name: name, Aliases: aliases, Category: group, Destination: to, Usage: usage}
	}
	return append([]cli.Flag{
		str(groupEndpoint, "listen", "HOST:PORT", "where to listen ("+flyte.DefaultListen+"); port 0 takes a free one", &o.Listen),
		str(groupEndpoint, "token-file", "FILE", "a secret that other machines must show; needed to listen on anything but this machine", &o.TokenFile),
		sw(groupEndpoint, "detach", "serve in the background; drydock status and drydock down find it", &o.Detach, "d"),

		sw(groupTasks, "native", "run every task on this machine's own root file system, whatever image it names; short for --sandbox native", &o.Native),
		str(groupTasks, "sandbox", "auto|native|docker", "what tasks run in (auto: the image that they name, or this machine's own root file system; docker: refuse tasks without an image)", &o.Sandbox),
		str(groupTasks, "network", "bridge|host", "which network tasks in images see (bridge)", &o.Network),
		str(groupTasks, "python", "PATH", "the Python with flyte that tasks without images run with: a program, or the directory of a virtual environment (where flyte comes from)", &o.Python),
		str(groupTasks, "secrets", "DIR", "tasks' secrets: a file KEY or GROUP/KEY for each", &o.Secrets),
		&cli.IntFlag{Name: "max-queued", Category: groupTasks, Destination: &o.MaxQueued, Usage: "`N` actions may wait to run; more are told to try again later (10000)"},

		sw(groupOutput, "json", "print JSON lines on standard output", &o.JSON),
		sw(groupOutput, "quiet", "say nothing but errors", &o.Quiet, "q"),

		profileFlag(&o.Profile), nodeFlag(&o.Node), stateDirFlag(&o.StateDir), configFlag(&o.Config),
	}, gpuFlags(groupTasks, &o.gpuOptions)...)
}
