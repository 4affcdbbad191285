// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"drydock/internal/config"
	"drydock/resources"
)

type configOptions struct {
	JSON                      bool
	Config, Profile, StateDir string
	Given                     map[string]bool
}

var configPage = page{
	About: "Prints every setting, its value, and where the value came from: a flag, the environment, a\n" +
		"line of a file, or the default. The strongest comes first: flag, environment, config.yaml,\n" +
		"default. The cluster's profile (cluster.yaml) is shown the same way.",
	Examples: []example{
		{"What does drydock use here?", "drydock config"},
		{"And with another cluster's profile?", "drydock config --profile prod.yaml"},
	},
	Exits: []exit{{"0", "printed"}, {"125", "a file or value is wrong; the message says which line"}},
	Notes: []note{{"Files", "/etc/drydock/{config,cluster}.yaml as root, else $XDG_CONFIG_HOME/drydock or ~/.config/drydock"}},
}

func newConfigCommand(w World) *cli.Command {
	var o configOptions
	return &cli.Command{
		Name:  "config",
		Usage: "print every setting and where it came from",
		Flags: []cli.Flag{jsonFlag(&o.JSON), profileFlag(&o.Profile), stateDirFlag(&o.StateDir), configFlag(&o.Config)},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runConfig(w, o)
		},
	}
}

// settingDocument is a setting as config --json prints it.
type settingDocument struct {
	Key    string      `json:"key"`
	Value  string      `json:"value"`
	Origin config.Kind `json:"origin"`
	From   string      `json:"from,omitempty"` // the flag, variable or file
	Line   int         `json:"line,omitempty"`
}

func runConfig(w World, o configOptions) error {
	flags := map[string]string{}
	if o.Given["profile"] {
		flags["profile"] = o.Profile
	}
	if o.Given["state-dir"] {
		flags["state_dir"] = o.StateDir
	}
	settings, err := loadSettings(w, o.Config, flags)
	if err != nil {
		return err
	}
	all := settings.All()
	profile, err := profileValues(settings.Get("profile"))
	if err != nil {
		return err
	}
	all = append(all, profile...)
	if o.JSON {
		return writeSettingsJSON(w, all)
	}
	table := tabwriter.NewWriter(w.Stdout, 0, 0, 2, ' ', 0)
	for _, v := range all {
		text := v.Text
		if text == "" {
			text = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Key, text, v.Origin)
	}
	return table.Flush()
}

func writeSettingsJSON(w World, all []config.Value) error {
	docs := make([]settingDocument, 0, len(all))
	for _, v := range all {
		from := v.Origin.Name
		if v.Origin.Kind == config.FromFile {
			from = v.Origin.File
		}
		docs = append(docs, settingDocument{v.Key, v.Text, v.Origin.Kind, from, v.Origin.Line})
	}
	enc := json.NewEncoder(w.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Settings []settingDocument `json:"settings"`
	}{docs})
}

// profileValues are the parts of the profile that decide what tasks get. A
// value that differs from Flyte's own came from the file.
func profileValues(v config.Value) ([]config.Value, error) {
	p, _, err := loadProfile(v)
	if err != nil {
		return nil, err
	}
	own := profileTexts(resources.DefaultProfile())
	texts, lines := own, map[string]int{}
	if p != nil {
		texts = profileTexts(*p)
		lines = profileLines(v.Text)
	}
	var values []config.Value
	for i, t := range texts {
		value := config.Value{Key: "profile." + t.key, Text: t.text, Origin: config.Origin{Kind: config.FromDefault}}
		if line, written := lines[t.key]; written || t.text != own[i].text {
			value.Origin = config.Origin{Kind: config.FromFile, File: v.Text, Line: line}
		}
		values = append(values, value)
	}
	return values, nil
}

type profileText struct{ key, text string }

func profileTexts(p resources.Profile) []profileText {
	return []profileText{
		{"defaults.cpu", string(p.Defaults.CPU)},
		{"defaults.memory", string(p.Defaults.Memory)},
		{"limits.cpu", string(p.Limits.CPU)},
		{"limits.memory", string(p.Limits.Memory)},
		{"limits.disk", string(p.Limits.Disk)},
		{"limits.gpu", string(p.Limits.GPU)},
		{"cgroup.singleProcessOOMKill", fmt.Sprint(p.Cgroup.SingleProcessOOMKill)},
		{"cgroup.swap", p.Cgroup.Swap},
		{"cgroup.podPidsLimit", pidsText(p.Cgroup.PodPidsLimit)},
		{"disk.enforce", p.Disk.Enforce},
		{"security.capabilities", p.Security.Capabilities},
		{"accelerators.accelerator_substitution", p.Accelerators.Substitution},
		{"accelerators.missing", p.Accelerators.Missing},
		{"accelerators.mig_strategy", p.Accelerators.MIGStrategy},
		{"accelerators.amd_partitions", p.Accelerators.AMD},
		{"accelerators.busy", p.Accelerators.Busy},
	}
}

func pidsText(limit int64) string {
	if limit == 0 {
		return ""
	}
	return fmt.Sprint(limit)
}
