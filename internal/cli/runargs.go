// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// liftTaskName lets flags follow the task's name in `run -f FILE NAME
// --override memory=1Gi`: flag parsing ends at the first word, so the name is
// put behind a -- at the end. A command (no -f before it) stays as it is.
func liftTaskName(args []string) []string {
	if len(args) < 2 || args[1] != "run" || slices.Contains(args, "--") {
		return args
	}
	own := runFlags(&runOptions{})
	flags, fromFile := scanFlags(own, args[2:])
	name := 2 + flags
	if !fromFile || name == len(args) {
		return args
	}
	rest := args[name+1:]
	if more, _ := scanFlags(own, rest); more < len(rest) {
		return args // more words than the name: runRun refuses them
	}
	return append(slices.Concat(args[:name], rest), "--", args[name])
}

// liftReportTask lets flags follow the task in `report ID -o FILE`, likewise.
func liftReportTask(args []string) []string {
	if len(args) < 2 || args[1] != "report" {
		return args
	}
	return liftWords(args, reportFlags(&reportOptions{}))
}

// scanFlags counts the words at the start of args that are flags of a command
// or their values, and tells whether -f is among them.
func scanFlags(own []cli.Flag, args []string) (n int, fromFile bool) {
	switches := map[string]bool{}
	for _, f := range append(own, helpFlag()) {
		if _, ok := f.(*cli.BoolFlag); ok {
			for _, name := range f.Names() {
				switches[name] = true
			}
		}
	}
	for n < len(args) {
		arg := args[n]
		if len(arg) < 2 || arg[0] != '-' || arg == "--" {
			return n, fromFile
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		fromFile = fromFile || name == "f" || name == "file"
		n++
		if !hasValue && !switches[name] && n < len(args) {
			n++
		}
	}
	return n, fromFile
}

// outputFlags finds --json and --result in a command line that could not be
// parsed, up to the -- before the command.
func outputFlags(args []string) (json bool, result string) {
	for i, arg := range args {
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case arg == "--":
			return json, result
		case !strings.HasPrefix(arg, "-"):
		case name == "json":
			json = !hasValue || value == "true" || value == "1"
		case name == "result" && hasValue:
			result = value
		case name == "result" && i+1 < len(args):
			result = args[i+1]
		}
	}
	return json, result
}
