// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"drydock/internal/config"
	"drydock/internal/timeline"
)

type reportOptions struct {
	Attempt, Format, Output string
	CommonScale             bool
	StateDir, Config        string
	Given                   map[string]bool
}

var reportPage = page{
	Usages: []string{"ID [FLAG…]"},
	About: `Shows what each attempt of a task did over time: memory by kind, its limit and its peak,
the moment it was killed, CPU, waiting for memory and CPU, and what the verdict says. It
works while the task runs, and after a crash with what is known.

ID is what drydock run prints at its start, or its first letters; last is the newest task.

On a terminal the report is text; into a file or a pipe it is one HTML page that needs no
network and no script. The end of FILE's name says the format where --format does not.`,
	Examples: []example{
		{"How did it come to that?", "drydock report last"},
		{"A page to pass on", "drydock report last -o report.html"},
		{"All attempts against the same axis", "drydock report last --common-scale -o report.html"},
		{"Figures for a notebook", "drydock report 01JDX3Q9 --format csv > timeline.csv"},
		{"For a script: the most memory that was seen", "drydock report last --format json | jq '.attempts[-1].memory_peak'"},
	},
	Exits: []exit{{"0", "written"}, {"125", "no such task or attempt, or drydock's own failure"}},
}

func newReportCommand(w World) *cli.Command {
	var o reportOptions
	return &cli.Command{
		Name:      "report",
		Usage:     "show a task's memory and CPU over time, and what became of it",
		ArgsUsage: "ID",
		Flags:     reportFlags(&o),
		Action: func(c *cli.Context) error {
			o.Given = givenFlags(c)
			return runReport(c.Context, w, o, c.Args().Slice())
		},
	}
}

func reportFlags(o *reportOptions) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "attempt", Destination: &o.Attempt, Usage: "`N` only this attempt: 1, 2, …, or last (all)"},
		&cli.StringFlag{Name: "format", Destination: &o.Format, Usage: "`html|json|csv|txt` what to write (see above)"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.Output, Usage: "`FILE` where to write it; - is standard output (-)"},
		&cli.BoolFlag{Name: "common-scale", Destination: &o.CommonScale, Usage: "html: draw the memory of all attempts to one scale"},
		stateDirFlag(&o.StateDir), configFlag(&o.Config),
	}
}

func runReport(_ context.Context, w World, o reportOptions, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usagef("drydock report last is the newest; drydock run prints the id of each", "name one task")
	}
	format, err := reportFormat(w, o)
	if err != nil {
		return err
	}
	settings, err := loadSettings(w, o.Config, stateDirSetting(o.Given["state-dir"], o.StateDir))
	if err != nil {
		return err
	}
	stateDir := settings.Get("state_dir").Text
	id, err := findTask(stateDir, args[0])
	if err != nil {
		return err
	}
	r, err := reportLoader(w, settings).Load(id)
	if err != nil {
		return err
	}
	if err := onlyAttempt(r, o.Attempt); err != nil {
		return err
	}
	toFile := o.Output != "" && o.Output != "-"
	if !toFile {
		return timeline.Write(w.Stdout, r, format, viewOptions(w, o))
	}
	file, err := openOutput("--output", o.Output)
	if err != nil {
		return err
	}
	return writeReport(file, r, format, viewOptions(w, o))
}

// stateDirSetting is the state directory given as a flag.
func stateDirSetting(given bool, dir string) map[string]string {
	if !given {
		return nil
	}
	return map[string]string{"state_dir": dir}
}

// reportLoader can tell a running attempt from a lost one where the sandbox
// can.
func reportLoader(w World, s *config.Settings) timeline.Loader {
	return timeline.Loader{StateDir: s.Get("state_dir").Text, Alive: aliveIn(w, s)}
}

// reportFormat decides how to write: as it was said, as the file is called, or
// as suits where it goes.
func reportFormat(w World, o reportOptions) (timeline.Format, error) {
	if o.Given["format"] {
		f, err := timeline.ParseFormat(o.Format)
		if err != nil {
			return "", usagef("accepted: "+formatNames(), "--format %s is not known", shellQuote(o.Format))
		}
		if f == timeline.HTML && !o.Given["output"] && isTerminal(w.Stdout) {
			return "", usagef("name a file: -o report.html (- writes it here all the same)", "a page cannot be read on a terminal")
		}
		return f, nil
	}
	if o.Given["output"] && o.Output == "" {
		return "", usagef("name a file, or - for standard output", "--output is empty")
	}
	if o.Output != "" && o.Output != "-" {
		return fileFormat("--output", o.Output)
	}
	if isTerminal(w.Stdout) {
		return timeline.Text, nil
	}
	return timeline.HTML, nil
}

// fileFormat tells the format by a file's name.
func fileFormat(flag, path string) (timeline.Format, error) {
	f := timeline.FormatOf(path)
	if f == "" {
		return "", usagef("let its name end in .html, .json, .csv or .txt", "%s %s does not say in which format", flag, shellQuote(path))
	}
	return f, nil
}

func formatNames() string {
	var names []string
	for _, f := range timeline.Formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// onlyAttempt leaves one attempt in the report. "" leaves all.
func onlyAttempt(r *timeline.Report, word string) error {
	if word == "" {
		return nil
	}
	n := len(r.Attempts)
	if n == 0 {
		return usagef("leave --attempt out", "task %s has no attempt: nothing was started", r.ID)
	}
	number, err := strconv.Atoi(word)
	if word == lastTask {
		number, err = r.Attempts[n-1].Number, nil
	}
	i := slices.IndexFunc(r.Attempts, func(a timeline.Attempt) bool { return err == nil && a.Number == number })
	if i < 0 {
		return usagef(fmt.Sprintf("accepted: 1 to %d, last", r.Attempts[n-1].Number), "--attempt %s: task %s has no such attempt", shellQuote(word), r.ID)
	}
	r.Attempts = r.Attempts[i : i+1]
	return nil
}

// viewOptions say what the terminal, if it is one, can show.
func viewOptions(w World, o reportOptions) timeline.Options {
	v := timeline.Options{
		Generator: "drydock " + w.Build.Version, CommonScale: o.CommonScale, Unicode: unicodeLocale(w),
		Style: styleOf(w, w.Stdout),
	}
	if columns, ok := w.env("COLUMNS"); ok {
		v.Width, _ = strconv.Atoi(columns)
	}
	if f, ok := w.Stdout.(*os.File); ok && isTerminal(f) {
		if size, ok := terminalSize(f); ok {
			v.Width = int(size.Cols)
		}
	}
	if o.Output != "" && o.Output != "-" {
		v.Style.Color = false
	}
	return v
}

// unicodeLocale reports whether the environment says UTF-8, by the variable
// that decides (locale(7)).
func unicodeLocale(w World) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, ok := w.env(name); ok && v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// writeReport renders the report as a whole before it touches the file.
func writeReport(file *resultFile, r *timeline.Report, f timeline.Format, o timeline.Options) error {
	var b bytes.Buffer
	if err := timeline.Write(&b, r, f, o); err != nil {
		file.close()
		return err
	}
	return file.write(b.Bytes())
}

// runReportFile is the --report of drydock run. It is opened before the task
// runs, for the reasons of --result.
type runReportFile struct {
	file   *resultFile
	format timeline.Format
}

// openRunReport returns nil for an empty path.
func openRunReport(path string) (*runReportFile, error) {
	if path == "" {
		return nil, nil
	}
	format, err := fileFormat("--report", path)
	if err != nil {
		return nil, err
	}
	file, err := openOutput("--report", path)
	return &runReportFile{file, format}, err
}

// write draws the task that has just ended. Of one that was refused there is
// nothing to draw.
func (f *runReportFile) write(w World, s *config.Settings, id string) error {
	if f == nil {
		return nil
	}
	r, err := reportLoader(w, s).Load(id)
	if errors.Is(err, fs.ErrNotExist) {
		f.file.close()
		return fmt.Errorf("--report %s was not written: nothing was started", f.file.path)
	}
	if err != nil {
		f.file.close()
		return fmt.Errorf("--report %s: %w", f.file.path, err)
	}
	return writeReport(f.file, r, f.format, viewOptions(w, reportOptions{Output: f.file.path}))
}

// aliveIn tells whether the supervisor of the attempt in a directory lives;
// nil where nobody can tell.
func aliveIn(w World, settings *config.Settings) func(dir string) bool {
	s, ok := w.Sandboxes.(interface {
		Alive(p Place, dir string) bool
	})
	if !ok {
		return nil
	}
	return func(dir string) bool { return s.Alive(placeOf(settings), dir) }
}
