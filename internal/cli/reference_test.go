// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"drydock/internal/config"
)

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make docs writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not current (make docs); -file +program:\n%s", path, diff)
	}
}

func visibleCommands() (*cli.App, []*cli.Command) {
	app := newApp(World{Stdout: io.Discard, Stderr: io.Discard})
	var visible []*cli.Command
	for _, c := range app.Commands {
		if !c.Hidden {
			visible = append(visible, c)
		}
	}
	return app, visible
}

func TestHelpGolden(t *testing.T) {
	app, commands := visibleCommands()
	var b bytes.Buffer
	writeAppHelp(&b, app)
	golden(t, "testdata/help/drydock.txt", b.Bytes())
	for _, c := range commands {
		b.Reset()
		writeCommandHelp(&b, c, helpWidth)
		golden(t, "testdata/help/"+c.Name+".txt", b.Bytes())
	}
}

// Every command says what it is for, gives an example and lists its exit codes.
func TestHelpComplete(t *testing.T) {
	_, commands := visibleCommands()
	for _, c := range commands {
		p := pages()[c.Name]
		if c.Usage == "" || p.About == "" || len(p.Examples) == 0 || len(p.Exits) == 0 {
			t.Errorf("the help of %s lacks what it is for, an example or its exit codes", c.Name)
		}
		for _, f := range flagDocs(c.Flags) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", c.Name, f.Name)
			}
		}
		for _, width := range []int{helpWidth, 80} {
			for _, line := range proseOf(c, width) {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s: a line of the help is %d wide, and %d is the most: %s", c.Name, n, width, line)
				}
			}
		}
	}
}

// proseOf is a command's help but its examples, which are to be copied in one
// piece.
func proseOf(c *cli.Command, width int) []string {
	var b bytes.Buffer
	writeCommandHelp(&b, c, width)
	text, examples, _ := strings.Cut(b.String(), "\nExamples:")
	_, exits, _ := strings.Cut(examples, "\nExit codes:")
	return strings.Split(text+exits, "\n")
}

// docs/commands.md and docs/settings.md are written from the program itself.
func TestReference(t *testing.T) {
	golden(t, "../../docs/commands.md", commandsPage())
	golden(t, "../../docs/settings.md", settingsPage())
}

func commandsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Commands\n\n<!-- Written by make docs from the program itself; do not edit. -->\n")
	_, commands := visibleCommands()
	for _, c := range commands {
		fmt.Fprintf(&b, "\n## drydock %s\n\n", c.Name)
		var help bytes.Buffer
		writeCommandHelp(&help, c, helpWidth)
		fmt.Fprintf(&b, "```text\n%s```\n", help.Bytes())
	}
	return b.Bytes()
}

func settingsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Settings\n\n<!-- Written by make docs from the program itself; do not edit. -->\n\n" +
		"A flag beats the environment, which beats `config.yaml`, which beats the default.\n" +
		"`drydock config` prints every value and where it came from. The file is\n" +
		"`/etc/drydock/config.yaml` for root, else `$XDG_CONFIG_HOME/drydock/config.yaml`\n" +
		"(`~/.config/drydock/config.yaml`); `--config` and `DRYDOCK_CONFIG` name another. Keys are\n" +
		"strict: an unknown one is an error with file and line. Relative paths in it are relative to it.\n\n" +
		"| key | flag | variable | values | what it is |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range config.Keys() {
		flag, words := "", strings.Join(k.Words, ", ")
		if k.Flag != "" {
			flag = "`" + k.Flag + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", k.Name, flag, k.Env, words, k.About)
	}
	b.WriteString("\nOther variables: `NO_COLOR` (any value: no colours), `DRYDOCK_CONFIG` (see above).\n")
	return b.Bytes()
}
