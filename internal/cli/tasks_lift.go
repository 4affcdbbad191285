// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// liftTasks lets flags follow the tasks in `logs ID -f` and its like: flag
// parsing ends at the first word.
func liftTasks(w World, args []string) []string {
	if len(args) < 2 {
		return args
	}
	for _, cmd := range taskCommands(w) {
		if cmd.Name == args[1] {
			return liftWords(args, cmd.Flags)
		}
	}
	return args
}

// liftWords puts the words of a command behind its flags.
func liftWords(args []string, own []cli.Flag) []string {
	var flags, words []string
	rest := args[2:]
	for len(rest) > 0 && rest[0] != "--" {
		n, _ := scanFlags(own, rest)
		flags, rest = append(flags, rest[:n]...), rest[n:]
		if len(rest) > 0 && rest[0] != "--" {
			words, rest = append(words, rest[0]), rest[1:]
		}
	}
	if len(rest) > 0 {
		words = append(words, rest[1:]...)
	}
	return slices.Concat(args[:2], flags, []string{"--"}, words)
}
