// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"drydock/internal/devicecheck"
	"drydock/internal/report"
	"drydock/sandbox"
)

type doctorOptions struct {
	JSON, Clean      bool
	Config, StateDir string
	Given            map[string]bool
}

var doctorPage = page{
	About: "Tries what this machine enforces, what drydock emulates, and what cannot be had here, with the\n" +
		"fix beside each; then the same for tasks with an image, in the container engine that DOCKER_HOST\n" +
		"or the docker command's context names; then what keeps accelerators from tasks. A run says it\n" +
		"at its start; doctor says it beforehand.",
	Examples: []example{
		{"What can I trust here?", "drydock doctor"},
		{"After a crash: remove what dead supervisors left", "drydock doctor --clean"},
	},
	Exits: []exit{{"0", "tasks run here and their memory is limited, natively or in a container engine"}, {"1", "they do not: something essential is missing"}, {"125", "drydock's own failure"}},
}

func newDoctorCommand(w World) *cli.Command {
	var o doctorOptions
	return &cli.Command{
		Name:  "doctor",
		Usage: "tell what this machine enforces, emulates and cannot, with the fix",
		Flags: []cli.Flag{
			jsonFlag(&o.JSON),
			&cli.BoolFlag{Name: "clean", Usage: "remove cgroups, mounts, files and containers that dead supervisors left", Destination: &o.Clean},
			stateDirFlag(&o.StateDir), configFlag(&o.Config),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runDoctor(c.Context, w, o)
		},
	}
}

// doctorDocument is what doctor --json prints.
type doctorDocument struct {
	OK bool `json:"ok"` // tasks run here and their memory is limited
	// Sandboxes says so for each of them, by name.
	Sandboxes map[string]bool `json:"sandboxes"`
	Checks    []Check         `json:"checks"`
	Removed   []string        `json:"removed,omitempty"` // by --clean
	// Accelerators are what stands between them and tasks. Nothing of it is
	// essential: tasks without any run all the same.
	Accelerators []devicecheck.Finding `json:"accelerators"`
}

func runDoctor(ctx context.Context, w World, o doctorOptions) error {
	flags := map[string]string{}
	if o.Given["state-dir"] {
		flags["state_dir"] = o.StateDir
	}
	settings, err := loadSettings(w, o.Config, flags)
	if err != nil {
		return err
	}
	place := placeOf(settings)
	var doc doctorDocument
	if o.Clean {
		if doc.Removed, err = w.Sandboxes.Clean(ctx, place); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		if err := settleAll(ctx, w, o); err != nil {
			return err
		}
	}
	doc.Checks = w.Sandboxes.Doctor(ctx, place)
	doc.Accelerators = acceleratorFindings(ctx, w, place)
	doc.judge()
	if o.JSON {
		enc := json.NewEncoder(w.Stdout)
		enc.SetEscapeHTML(false)
		err = enc.Encode(doc)
	} else {
		_, err = fmt.Fprint(w.Stdout, doctorText(w, o, doc))
	}
	if err == nil && !doc.OK {
		err = codeError{exitProblems}
	}
	return err
}

// judge says which sandboxes can be trusted: those that lack nothing essential.
func (d *doctorDocument) judge() {
	d.Sandboxes = map[string]bool{}
	for _, c := range d.Checks {
		name := c.Sandbox
		if name == "" {
			name = sandboxNative
		}
		good, seen := d.Sandboxes[name]
		d.Sandboxes[name] = (good || !seen) && !(c.Essential && c.State == sandbox.NotEnforced)
	}
	d.OK = d.Sandboxes[sandboxNative] || d.Sandboxes[sandboxDocker]
}

func doctorText(w World, o doctorOptions, doc doctorDocument) string {
	s := styleOf(w, w.Stdout)
	var b strings.Builder
	if o.Clean {
		for _, name := range doc.Removed {
			fmt.Fprintf(&b, "removed %s\n", name)
		}
		if len(doc.Removed) == 0 {
			b.WriteString("nothing to remove\n")
		}
		b.WriteByte('\n')
	}
	width := 0
	for _, c := range doc.Checks {
		width = max(width, len(c.Name))
	}
	indent := 14 + width
	about := ""
	for _, c := range doc.Checks {
		if c.Sandbox != about {
			about = c.Sandbox
			b.WriteString("\ntasks with an image (" + about + "):\n")
		}
		state := fmt.Sprintf("%-12s", c.State)
		switch c.State {
		case sandbox.Enforced:
			state = s.Good(state)
		case sandbox.NotEnforced:
			state = s.Bad(state)
		default:
			state = s.Warn(state)
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%s  %-*s  %s", state, width, c.Name, hanging(c.Why, indent+2, columns(w))), " ") + "\n")
		if c.Fix != "" {
			fmt.Fprintf(&b, "%*s  fix: %s\n", indent, "", c.Fix)
		}
	}
	b.WriteString("\naccelerators:\n" + findingsText(s, doc.Accelerators, columns(w)))
	b.WriteString("\n" + doc.sentence() + "\n")
	return b.String()
}

func (d *doctorDocument) sentence() string {
	image, known := d.Sandboxes[sandboxDocker]
	switch {
	case !d.OK:
		return "tasks cannot run here as on the cluster; see the fixes above"
	case !d.Sandboxes[sandboxNative]:
		return "tasks with an image run here and their memory is limited as on the cluster; those without cannot: see the fixes above"
	case known && !image:
		return "tasks run here and their memory is limited as on the cluster; those with an image (--image) cannot: see the fixes above"
	default:
		return "tasks run here and their memory is limited as on the cluster"
	}
}

// findingsText lists them, each with its fix below: in one piece, because it is
// there to be copied.
func findingsText(s report.Style, all []devicecheck.Finding, screen int) string {
	width := 0
	for _, f := range all {
		width = max(width, len(f.Name))
	}
	paint := map[devicecheck.State]func(string) string{devicecheck.OK: s.Good, devicecheck.Warning: s.Warn, devicecheck.Problem: s.Bad}
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s  %-*s  %s\n", paint[f.State](fmt.Sprintf("%-12s", f.State)), width, report.OneLine(f.Name), hanging(report.OneLine(f.Why), 16+width, screen))
		if f.Fix != "" {
			fmt.Fprintf(&b, "%*s  fix: %s\n", 14+width, "", report.OneLine(f.Fix))
		}
	}
	return b.String()
}
