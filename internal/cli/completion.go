// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"drydock/internal/history"
	"drydock/internal/taskfile"
)

var completionPage = page{
	Usages: []string{"bash|zsh|fish"},
	About: "Prints a script that lets the shell complete drydock's commands, flags, their values and the\n" +
		"tasks of a task file.",
	Examples: []example{
		{"bash, for this shell", "source <(drydock completion bash)"},
		{"zsh, for good", `drydock completion zsh > "${fpath[1]}/_drydock"`},
		{"fish, for good", "drydock completion fish > ~/.config/fish/completions/drydock.fish"},
	},
	Exits: []exit{{"0", "printed"}, {"125", "not a shell that drydock knows"}},
}

// The scripts ask the program itself (the hidden command __complete), so they
// stay right when it is updated. A last line of ":files" or ":dirs" leaves the
// word to the shell, ":command" leaves the rest of the line to the completion
// of the command that will run.
var completionScripts = map[string]string{
	"bash": `# bash completion for drydock
_drydock() {
    local cur=${COMP_WORDS[COMP_CWORD]} IFS=$'\n' answer mode= line
    COMPREPLY=()
    answer=$("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    for line in $answer; do
        case $line in
            :*) mode=$line ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done
    case $mode in
        :files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$cur")) ;;
        :dirs) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "$cur")) ;;
        :command) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -c -- "$cur") $(compgen -f -- "$cur")) ;;
    esac
}
complete -F _drydock drydock
`,
	"zsh": `#compdef drydock
_drydock() {
    local -a answer described
    local mode= line
    answer=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    for line in $answer; do
        case $line in
            :*) mode=$line ;;
            *) described+=("${${line//:/\\:}/$'\t'/:}") ;;
        esac
    done
    (( $#described )) && _describe drydock described
    case $mode in
        :files) _files ;;
        :dirs) _files -/ ;;
        :command) _command_names; _files ;;
    esac
}
if [ "$funcstack[1]" = _drydock ]; then _drydock "$@"; else compdef _drydock drydock; fi
`,
	"fish": `# fish completion for drydock
function __drydock_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
        switch $line
            case ':files' ':command'
                __fish_complete_path (commandline -ct)
            case ':dirs'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c drydock -f -a '(__drydock_complete)'
`,
}

func newCompletionCommand(w World) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script of a shell",
		ArgsUsage: "bash|zsh|fish",
		Action:    func(c *cli.Context) error { return runCompletion(w, c.Args().Slice()) },
	}
}

func runCompletion(w World, args []string) error {
	if len(args) != 1 {
		return usagef("drydock completion bash, zsh or fish", "name one shell")
	}
	script, ok := completionScripts[args[0]]
	if !ok {
		return usagef("known: bash, zsh, fish", "no completion for %q", args[0])
	}
	_, err := io.WriteString(w.Stdout, script)
	return err
}

// newCompleteCommand is hidden: the scripts call it with the words so far.
func newCompleteCommand(w World) *cli.Command {
	return &cli.Command{
		Name:            "__complete",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			for _, line := range complete(w, c.App, args) {
				if _, err := fmt.Fprintln(w.Stdout, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// complete proposes what the last of args can become, a line each: a word, or
// a word, a tab and a description, or a mode (see completionScripts).
func complete(w World, app *cli.App, args []string) []string {
	if len(args) <= 1 {
		prefix := strings.Join(args, "")
		var lines []string
		for _, cmd := range app.Commands {
			if !cmd.Hidden && strings.HasPrefix(cmd.Name, prefix) {
				lines = append(lines, cmd.Name+"\t"+cmd.Usage)
			}
		}
		return lines
	}
	cmd := app.Command(args[0])
	if cmd == nil {
		return nil
	}
	return completeWord(w, app, cmd, args[1:len(args)-1], args[len(args)-1])
}

func completeWord(w World, app *cli.App, cmd *cli.Command, before []string, word string) []string {
	docs := flagDocs(cmd.Flags)
	var pending *flagDoc // the flag whose value the word is
	taskFile, image := "", false
	for i := 0; i < len(before); i++ {
		if before[i] == "--" || !strings.HasPrefix(before[i], "-") {
			switch {
			case cmd.Name == "run" && image: // its files are nobody's to see
				return nil
			case cmd.Name == "run" && taskFile == "":
				return []string{":command"}
			case cmd.Name == "flyte": // the rest is flyte's
				return []string{":files"}
			}
			continue
		}
		name, value, hasValue := strings.Cut(before[i], "=")
		f := findFlag(docs, strings.TrimLeft(name, "-"))
		switch {
		case f == nil || f.Meta == "":
		case hasValue:
		case i+1 < len(before):
			i++
			value = before[i]
		default:
			pending = f
		}
		if f != nil && f.Name == "file" {
			taskFile = value
		}
		image = image || f != nil && f.Name == "image"
	}
	switch {
	case pending != nil:
		return flagValues(*pending, word)
	case strings.HasPrefix(word, "-"):
		return matchingFlags(docs, word)
	case cmd.Name == "completion":
		return withPrefix([]string{"bash", "fish", "zsh"}, word)
	case cmd.Name == "help":
		return complete(w, app, []string{word})
	case cmd.Name == "flyte":
		return withPrefix([]string{"abort", "deploy", "get", "rerun", "run", "signal", "whoami"}, word)
	case strings.HasPrefix(cmd.ArgsUsage, "ID"):
		return withPrefix(newestTasks(w), strings.ToUpper(word))
	case cmd.Name == "run" && taskFile != "":
		return withPrefix(taskNames(taskFile), word)
	case cmd.Name == "run" && !image:
		return []string{":command"}
	}
	return nil
}

func findFlag(docs []flagDoc, name string) *flagDoc {
	for i := range docs {
		if docs[i].Name == name || docs[i].Short == name {
			return &docs[i]
		}
	}
	return nil
}

func matchingFlags(docs []flagDoc, prefix string) []string {
	var lines []string
	for _, f := range docs {
		if strings.HasPrefix("--"+f.Name, prefix) {
			lines = append(lines, "--"+f.Name+"\t"+f.Usage)
		}
	}
	return lines
}

// flagValues proposes values of a flag, going by the name of its value.
func flagValues(f flagDoc, prefix string) []string {
	switch {
	case f.Name == "override":
		return withPrefix([]string{"cpu=", "memory=", "shm=", "disk="}, prefix)
	case f.Name == "status":
		return withPrefix(history.FilterWords(), prefix)
	case strings.HasSuffix(f.Meta, "DIR"):
		return []string{":dirs"}
	case strings.HasSuffix(f.Meta, "FILE") || f.Meta == "PATH" || strings.HasPrefix(f.Meta, "SRC"):
		return []string{":files"}
	case f.Name == "platform":
		return withPrefix([]string{"linux/amd64", "linux/arm64"}, prefix)
	case f.Name == "shm":
		return withPrefix([]string{"auto"}, prefix)
	case strings.Contains(f.Meta, "|"):
		return withPrefix(strings.Split(f.Meta, "|"), prefix)
	}
	return nil
}

func withPrefix(all []string, prefix string) []string {
	var some []string
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			some = append(some, s)
		}
	}
	return some
}

func taskNames(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	file, err := taskfile.Parse(path, data)
	if err != nil {
		return nil
	}
	return file.Names()
}
