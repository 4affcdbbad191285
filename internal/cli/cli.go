// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Main runs the command line of w and returns the exit code.
func Main(ctx context.Context, w World) int {
	err := newApp(w).RunContext(ctx, liftTaskName(liftReportTask(liftTasks(w, w.Args))))
	var said codeError
	if err != nil && !errors.As(err, &said) && !readerGone(err) {
		fmt.Fprintf(w.Stderr, "drydock: %v\n", err)
	}
	return exitCode(err)
}

// newApp builds the command tree. It runs for every command, so constructors
// only describe: whatever opens files or computes belongs into the run functions.
func newApp(w World) *cli.App {
	app := &cli.App{
		Name:  "drydock",
		Usage: "run Flyte tasks on this machine the way the cluster would",
		Description: "drydock runs a command with the resources of a Flyte task: the same limits, the same\n" +
			"kill, the same verdict, and a report that says what to change.",
		HideHelp:        true, // ours: see help.go
		HideHelpCommand: true,
		HideVersion:     true,
		Writer:          w.Stdout,
		ErrWriter:       w.Stderr,
		ExitErrHandler:  func(*cli.Context, error) {}, // Main alone decides
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return flagError(err, "drydock", nil)
		},
		Commands: slices.Concat([]*cli.Command{newRunCommand(w)}, taskCommands(w), serverCommands(w), []*cli.Command{
			newReportCommand(w), newDoctorCommand(w), newConfigCommand(w), newCompletionCommand(w),
			newVersionCommand(w), newHelpCommand(w), newJudgeCommand(w), newCompleteCommand(w),
		}),
		Flags: []cli.Flag{
			helpFlag(),
			&cli.BoolFlag{Name: "version", Usage: "print the version and end"},
		},
	}
	app.Action = func(c *cli.Context) error {
		switch {
		case c.Bool("version"):
			return runVersion(w, versionOptions{})
		case c.Args().Present():
			return unknownCommand(app.Commands, c.Args().First())
		case c.Bool("help"):
			writeAppHelp(w.Stdout, app)
			return nil
		}
		writeAppHelp(w.Stderr, app)
		return codeError{exitFault}
	}
	for _, cmd := range app.Commands {
		prepare(w, cmd)
	}
	return app
}

// prepare gives a command what all of them share.
func prepare(w World, cmd *cli.Command) {
	cmd.HideHelp, cmd.HideHelpCommand = true, true
	cmd.Flags = append(cmd.Flags, helpFlag())
	if cmd.OnUsageError == nil {
		cmd.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
			return flagError(err, "drydock "+cmd.Name, cmd.Flags)
		}
	}
	action := cmd.Action
	cmd.Action = func(c *cli.Context) error {
		if c.Bool("help") {
			writeCommandHelp(w.Stdout, cmd, pageWidth(w))
			return nil
		}
		return action(c)
	}
}

// noArguments refuses words behind the flags of a command that takes none.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("see drydock "+c.Command.Name+" --help",
			"drydock %s takes no arguments, but got %q", c.Command.Name, c.Args().First())
	}
	return nil
}

// flagError words an error of the flag parser for people.
func flagError(err error, command string, flags []cli.Flag) error {
	help := "see " + command + " --help"
	msg := err.Error()
	switch {
	case strings.HasPrefix(msg, "flag provided but not defined: -"):
		name := strings.TrimPrefix(msg, "flag provided but not defined: -")
		if near := nearest(name, flagNames(flags)); near != "" {
			help = "did you mean " + dashed(near) + "? " + help
		}
		return usagef(help, "%s has no flag %s", command, dashed(name))
	case strings.HasPrefix(msg, "flag needs an argument: -"):
		name := strings.TrimPrefix(msg, "flag needs an argument: -")
		return usagef(help, "%s needs a value", dashed(name))
	case strings.HasPrefix(msg, "bad flag syntax: "):
		return usagef(help, "%s is not a flag", strings.TrimPrefix(msg, "bad flag syntax: "))
	case strings.HasPrefix(msg, "invalid boolean value "):
		return usagef("it is a switch: leave the value out", "%s", msg)
	case strings.HasPrefix(msg, "Cannot use two forms of the same flag: "):
		names := strings.Fields(strings.TrimPrefix(msg, "Cannot use two forms of the same flag: "))
		for i, n := range names {
			names[i] = dashed(n)
		}
		return usagef("give it once", "%s are the same flag", strings.Join(names, " and "))
	}
	return usagef(help, "%s", msg)
}

func unknownCommand(commands []*cli.Command, name string) error {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	remedy := "see drydock help; to run a program: drydock run -- " + shellQuote(name)
	near := otherWords[name]
	if near == "" {
		near = nearest(name, names)
	}
	if near != "" {
		remedy = "did you mean drydock " + near + "? see drydock help"
	}
	return usagef(remedy, "there is no command %q", name)
}
