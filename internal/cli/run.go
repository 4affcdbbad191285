// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/urfave/cli/v2"
)

// runOptions are the flags of drydock run as they were written; runtask.go
// turns them into a task.
type runOptions struct {
	// What the task may use.
	CPU, Memory, Disk, DiskEnforce, Shm, GPU string
	gpuOptions

	// When it ends, and whether it runs again.
	Timeout, Grace, Retries, OOMRetry, ChildOOM string

	// What it sees.
	Volumes       words
	WorkDir       string
	ReadOnly      bool
	Env, EnvFile  words
	CleanEnv      bool
	User, Network string
	TTY           bool
	// In which image, if any.
	Sandbox, Image, Pull, Platform, Entrypoint string
	AddHosts                                   words

	Name              string
	File              string
	Override          words
	Array             string
	MaxParallel       int
	MaxFailures       int
	Tag               bool
	JSON, Quiet       bool
	Result, Report    string
	Profile, StateDir string
	Node              string
	Config            string

	// Given tells whether a flag was written, by its long name.
	Given map[string]bool
}

// The groups of drydock run's help.
const (
	groupResources = "Resources"
	groupEnding    = "Ending and trying again"
	groupView      = "What the task sees"
	groupImage     = "Container images"
	groupFile      = "Task files"
	groupMany      = "Many tasks"
	groupOutput    = "Output"
	groupHost      = "This machine"
)

var runPage = page{
	Usages: []string{"[FLAG…] [--] COMMAND [ARGUMENT…]", "[FLAG…] --image IMAGE [--] [ARGUMENT…]", "[FLAG…] -f FILE NAME [--override KEY=VALUE]…"},
	About: `Runs COMMAND in its own sandbox on this machine's own root file system: everything
is read-only or copy-on-write except the working directory, which is bound
read-write. With --image it runs in a container engine instead, on the image's
root file system, with the same limits and verdicts. Memory and CPU are limited as
on the cluster. A command that needs more memory than its limit is killed like
there, and a report says what happened and what to change.

Everything after -- is the command, byte for byte. Without --, flags end at the
first word that is no flag. The command inherits the environment (see --clean-env)
and standard input; its output passes through unchanged, and drydock itself speaks
on standard error only. A reader that goes away (| head) does not end the task. In the
background of a shell (&) it goes on; a terminal's input is the task's while drydock is
in front.

With --image the words behind the flags are what docker run takes there: they
replace the image's CMD, and its ENTRYPOINT stays in front of them. Environment,
user and working directory are the image's; nothing of the caller's is passed on
but what -e, -v and their like bring in. A missing image is pulled first. DOCKER_HOST
and the docker command's contexts say which engine; Podman's socket will do.

With --array, or a matrix or array in the task file, one task becomes many, which run
as the machine has room. A bar on the terminal tells how far they are, and the end names
those that failed. Their output comes in whole lines, their standard input is empty.

Ctrl-C (or SIGTERM) once stops the command in order: SIGTERM, then SIGKILL after
the grace period. Twice kills at once.`,
	Examples: []example{
		{"Run out of memory as on the cluster, and learn what to change",
			"drydock run --memory 64Mi -- python3 -c 'x = bytearray(300 << 20)'"},
		{"Let drydock find out how much memory it takes",
			"drydock run --memory 64Mi --oom-retry 2x,max=2Gi,attempts=5 -- python3 train.py"},
		{"A request and a limit, as a Burstable pod has them; ten minutes at most",
			"drydock run --cpu 500m,2 --memory 1Gi,2Gi --timeout 10m -- ./job"},
		{"Data from elsewhere, nothing else of the caller's environment",
			"drydock run -v /data:/data:ro --clean-env -e MODE=test -- python3 train.py"},
		{"In an image, with the current directory as it is here",
			"drydock run --image python:3.12 -v \"$PWD\":/work -w /work --memory 1Gi -- python train.py"},
		{"A task of a file, with more memory", "drydock run -f tasks.yaml train --override memory=1Gi"},
		{"A thousand times, each with its own $DRYDOCK_ARRAY_INDEX",
			"drydock run --array 0-999 --cpu 500m --memory 256Mi -- ./render.sh"},
		{"The memory of an A100 task, on a machine without one",
			"drydock run --gpu A100:1 --gpu-missing=ignore --memory 8Gi -- python3 train.py"},
		{"For a script", "drydock run --json --memory 1Gi -- ./job | jq -r 'select(.type==\"ended\").verdict'"},
	},
	Exits: []exit{
		{"N", "the command's own exit code, when it ran to its end"},
		{"128+N", "signal N ended it"},
		{"124", "it did not end within --timeout"},
		{"125", "refused, or a failure of drydock's own: nothing was started, or nothing is known"},
		{"126", "the command is not executable"},
		{"127", "there is no such command"},
		{"130, 143", "stopped by Ctrl-C, by SIGTERM"},
		{"137", "out of memory, whatever the command itself returned"},
	},
	Notes: []note{{"Which 137 it was", "Somebody's kill -9 ends with 137, too. The sentence on standard error, --result and\n" +
		"--json tell them apart: verdict oom, machine-memory or interrupted."},
		{"Many tasks", "The exit code is 0 when all succeeded; else that of the tasks that failed, where all\n" +
			"of them have the same, and 1 where they differ."}},
}

func newRunCommand(w World) *cli.Command {
	var o runOptions
	return &cli.Command{
		Name:  "run",
		Usage: "run a command, or a task of a file, with a task's resources",
		Flags: runFlags(&o),
		OnUsageError: func(c *cli.Context, err error, _ bool) error {
			// Nothing after the fault was parsed: find the output flags by eye.
			o.JSON, o.Result = outputFlags(w.Args)
			return refuse(w, o, flagError(err, "drydock run", c.Command.Flags))
		},
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runRun(c.Context, w, o, c.Args().Slice())
		},
	}
}

func runFlags(o *runOptions) []cli.Flag {
	str := func(group, name, meta, usage string, to *string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: aliases, Category: group, Destination: to, Usage: "`" + meta + "` " + usage}
	}
	num := func(group, name, usage string, to *int) cli.Flag {
		return &cli.IntFlag{Name: name, Category: group, Destination: to, Usage: "`N` " + usage}
	}
	list := func(group, name, short, meta, usage string, to *words) cli.Flag {
		return &wordsFlag{Name: name, Short: short, Category: group, Destination: to, Usage: "`" + meta + "` " + usage}
	}
	sw := func(group, name, usage string, to *bool, aliases ...string) cli.Flag {
		return &cli.BoolFlag{Name: name, Aliases: aliases, Category: group, Destination: to, Usage: usage}
	}
	gpu := gpuFlags(groupResources, &o.gpuOptions)
	return []cli.Flag{
		str(groupResources, "cpu", "R[,L]", "cores to request, and the limit: 1, 500m, 1,2", &o.CPU),
		str(groupResources, "memory", "R[,L]", "memory to request, and the limit: 512Mi, 1Gi,2Gi", &o.Memory),
		str(groupResources, "shm", "SIZE", "size of /dev/shm, or auto for the memory limit (64Mi)", &o.Shm),
		str(groupResources, "disk", "SIZE", "ephemeral storage: more of it evicts the task, as a kubelet does", &o.Disk),
		str(groupResources, "disk-enforce", "evict|hard", "what --disk does: evict, or hard: a write beyond it fails with ENOSPC; what this machine cannot hold so is named, or the task refused (evict)", &o.DiskEnforce),
		str(groupResources, "gpu", "TYPE:N", "accelerators: a number of NVIDIA GPUs, or a type and how many: 2, A100:1, A100_80G:8 (see drydock devices)", &o.GPU),
		gpu[0], gpu[1],

		str(groupEnding, "timeout", "D", "end each attempt after this time: 90s, 30m, 2h (none)", &o.Timeout),
		str(groupEnding, "grace", "D", "time between SIGTERM and SIGKILL (30s)", &o.Grace),
		str(groupEnding, "retries", "N", "run again up to N times after a failure of the task's own (0)", &o.Retries),
		str(groupEnding, "oom-retry", "F[,max=SIZE][,attempts=N]", "after running out of memory, run again with F times the memory: 2x,max=2Gi,attempts=5", &o.OOMRetry),
		str(groupEnding, "child-oom", "fail|warn", "what it means when a child was killed for memory and the command still ended with 0 (fail, as on the cluster)", &o.ChildOOM),

		list(groupView, "volume", "v", "SRC:DST[:ro]", "bind a directory or file of this machine; repeatable", &o.Volumes),
		str(groupView, "workdir", "DIR", "working directory, bound read-write (the current one); with --image a path inside (the image's)", &o.WorkDir, "w"),
		sw(groupView, "read-only", "the root file system is read-only, /tmp too; the working directory, -v and /dev/shm stay writable", &o.ReadOnly),
		list(groupView, "env", "e", "K[=V]", "set a variable, or pass K on; repeatable", &o.Env),
		list(groupView, "env-file", "", "FILE", "set variables from lines of K=V; repeatable", &o.EnvFile),
		sw(groupView, "clean-env", "do not inherit the environment", &o.CleanEnv),
		str(groupView, "user", "USER[:GROUP]", "run as this user: a name or numbers", &o.User, "u"),
		str(groupView, "network", "host|none|bridge", "which network the task sees (host; with --image bridge)", &o.Network),
		sw(groupView, "tty", "give the task a terminal", &o.TTY, "t"),

		str(groupImage, "image", "IMAGE", "run in this container image: NAME[:TAG|@DIGEST]", &o.Image),
		str(groupImage, "pull", "missing|always|never", "when to fetch the image (missing)", &o.Pull),
		str(groupImage, "platform", "OS/ARCH[/VARIANT]", "the image's variant for this machine: linux/arm64 (the engine's own)", &o.Platform),
		str(groupImage, "entrypoint", "WORD", "program in the place of the image's ENTRYPOINT; its arguments follow --", &o.Entrypoint),
		list(groupImage, "add-host", "", "NAME:ADDRESS", "add a line to /etc/hosts; host-gateway is this machine's address, and host.docker.internal is there already on a bridge; repeatable", &o.AddHosts),

		str(groupFile, "file", "FILE", "run task NAME of a task file", &o.File, "f"),
		list(groupFile, "override", "", "KEY=VALUE", "change one resource of the task: memory=1Gi; repeatable", &o.Override),
		str(groupFile, "name", "NAME", "call the task so in reports", &o.Name),

		str(groupMany, "array", "INDICES", "run the task once for each index, which it finds in $DRYDOCK_ARRAY_INDEX: 0-999, 0-9:2, 1,3,5-7", &o.Array),
		num(groupMany, "max-parallel", "run at most N at a time (as many as there is room for)", &o.MaxParallel),
		num(groupMany, "max-failures", "end all when N have failed; 1 ends at the first failure (never)", &o.MaxFailures),
		sw(groupMany, "tag", "begin each line of output with the task's name and a tab", &o.Tag),

		sw(groupOutput, "json", "print JSON lines on standard output, the task's output among them", &o.JSON),
		str(groupOutput, "result", "FILE", "write how it ended to FILE, as JSON", &o.Result),
		str(groupOutput, "report", "FILE", "write its memory and CPU over time to FILE at the end: .html, .json, .csv or .txt (see drydock report)", &o.Report),
		sw(groupOutput, "quiet", "say nothing but errors", &o.Quiet, "q"),

		profileFlag(&o.Profile),
		nodeFlag(&o.Node),
		str(groupHost, "sandbox", "auto|native|docker", "how to isolate (auto: docker with --image, native without)", &o.Sandbox),
		stateDirFlag(&o.StateDir),
		configFlag(&o.Config),
	}
}
