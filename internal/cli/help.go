// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/urfave/cli/v2"
)

// page is what a command's help says beyond its flags.
type page struct {
	Usages   []string // without "drydock NAME"
	About    string
	Examples []example
	Exits    []exit
	Notes    []note // further sections
}

type example struct{ What, Line string }

type exit struct{ Code, Meaning string }

type note struct{ Title, Text string }

// The library's own help is off: it would print its templates instead of pages.
func init() { cli.HelpFlag = nil }

// pages by command name.
func pages() map[string]page {
	all := map[string]page{
		"run": runPage, "doctor": doctorPage, "config": configPage, "completion": completionPage,
		"version": versionPage, "help": helpPage, "report": reportPage,
	}
	maps.Copy(all, taskPages())
	maps.Copy(all, serverPages())
	return all
}

var helpPage = page{
	Usages:   []string{"[COMMAND]"},
	About:    "Shows the commands, or everything about one of them.",
	Examples: []example{{"All about run", "drydock help run"}},
	Exits:    []exit{{"0", "shown"}, {"125", "there is no such command"}},
}

func newHelpCommand(w World) *cli.Command {
	return &cli.Command{
		Name:  "help",
		Usage: "show the commands, or all about one",
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				writeAppHelp(w.Stdout, c.App)
				return nil
			}
			cmd := c.App.Command(c.Args().First())
			if cmd == nil || cmd.Hidden {
				return unknownCommand(c.App.Commands, c.Args().First())
			}
			writeCommandHelp(w.Stdout, cmd, pageWidth(w))
			return nil
		},
	}
}

func writeAppHelp(out io.Writer, app *cli.App) {
	fmt.Fprintf(out, "drydock: %s\n\n%s\n\nUsage:\n  drydock COMMAND [FLAG…] [ARGUMENT…]\n\nCommands:\n", app.Usage, app.Description)
	for _, cmd := range app.Commands {
		if !cmd.Hidden {
			fmt.Fprintf(out, "  %-12s %s\n", cmd.Name, cmd.Usage)
		}
	}
	fmt.Fprint(out, `
A first try:
  drydock run --memory 64Mi -- python3 -c 'x = bytearray(300 << 20)'
  drydock flyte run main.py main
  drydock doctor

drydock COMMAND --help says more, with examples and exit codes.
`)
}

// pageWidth is helpWidth, or a narrower terminal's.
func pageWidth(w World) int {
	if n := columns(w); n > 0 {
		return min(helpWidth, max(leastHelp, n))
	}
	return helpWidth
}

// reflow wraps prose anew where the page is narrower than it was written for.
func reflow(text string, indent, width int) string {
	if width >= helpWidth {
		return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent))
	}
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = hanging(p, indent, width)
	}
	return strings.Join(paragraphs, "\n\n"+strings.Repeat(" ", indent))
}

// writeCommandHelp prints a command's whole page. Lines to be copied are not
// wrapped.
func writeCommandHelp(out io.Writer, cmd *cli.Command, width int) {
	p := pages()[cmd.Name]
	fmt.Fprintf(out, "%s\n\nUsage:\n", reflow("drydock "+cmd.Name+": "+cmd.Usage, 2, width))
	usages := p.Usages
	if len(usages) == 0 {
		usages = []string{""}
	}
	for _, u := range usages {
		fmt.Fprintln(out, strings.TrimRight("  drydock "+cmd.Name+" "+u, " "))
	}
	if p.About != "" {
		fmt.Fprintf(out, "\n%s\n", reflow(p.About, 0, width))
	}
	writeFlags(out, flagDocs(cmd.Flags), width)
	if len(p.Examples) > 0 {
		fmt.Fprintln(out, "\nExamples:")
		for _, e := range p.Examples {
			fmt.Fprintf(out, "  # %s\n  %s\n", e.What, strings.ReplaceAll(e.Line, "\n", "\n  "))
		}
	}
	if len(p.Exits) > 0 {
		fmt.Fprintln(out, "\nExit codes:")
		for _, e := range p.Exits {
			fmt.Fprintf(out, "  %-9s %s\n", e.Code, reflow(e.Meaning, 12, width))
		}
	}
	for _, n := range p.Notes {
		fmt.Fprintf(out, "\n%s:\n  %s\n", n.Title, reflow(n.Text, 2, width))
	}
}

// writeFlags prints flags by group, usage in one column, wrapped.
func writeFlags(out io.Writer, flags []flagDoc, width int) {
	var groups []string
	byGroup := map[string][]flagDoc{}
	for _, f := range flags {
		group := f.Group
		if group == "" {
			group = "Flags"
		}
		if byGroup[group] == nil {
			groups = append(groups, group)
		}
		byGroup[group] = append(byGroup[group], f)
	}
	for _, group := range groups {
		fmt.Fprintf(out, "\n%s:\n", group)
		for _, f := range byGroup[group] {
			left := "    --" + f.Name
			if f.Short != "" {
				left = "-" + f.Short + ", --" + f.Name
			}
			if f.Meta != "" {
				left += " " + f.Meta
			}
			writeHanging(out, "  "+left, f.Usage, width)
		}
	}
}

const (
	helpColumn = 28
	helpWidth  = 96
	leastHelp  = 60 // narrower terminals wrap by themselves
)

// writeHanging prints left and, from helpColumn on, right, wrapped.
func writeHanging(out io.Writer, left, right string, width int) {
	line := fmt.Sprintf("%-*s", helpColumn, left)
	if len(left) >= helpColumn-1 {
		fmt.Fprintln(out, left)
		line = strings.Repeat(" ", helpColumn)
	}
	used := helpColumn
	for i, word := range strings.Fields(right) {
		if i > 0 && used+1+len(word) > width {
			fmt.Fprintln(out, line)
			line, used = strings.Repeat(" ", helpColumn), helpColumn
		} else if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+len(word)
	}
	fmt.Fprintln(out, line)
}
