// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/sandbox"
)

type versionOptions struct{ JSON bool }

var versionPage = page{
	About:    "Prints the version of drydock, what it was built from, and the versions of the documents\nit writes.",
	Examples: []example{{"For a bug report", "drydock version --json"}},
	Exits:    []exit{{"0", "printed"}},
}

func newVersionCommand(w World) *cli.Command {
	var o versionOptions
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Flags: []cli.Flag{jsonFlag(&o.JSON)},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return runVersion(w, o)
		},
	}
}

func jsonFlag(to *bool) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON", Destination: to}
}

// versionDocument is what version --json prints.
type versionDocument struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	System  string `json:"system"`
	// Documents are the versions of what drydock writes.
	Documents documentVersions `json:"documents"`
}

type documentVersions struct {
	Ended   int `json:"ended"`
	Outcome int `json:"outcome"`
}

func runVersion(w World, o versionOptions) error {
	doc := versionDocument{
		Version:   w.Build.Version,
		Commit:    w.Build.Commit,
		Go:        runtime.Version(),
		System:    runtime.GOOS + "/" + runtime.GOARCH,
		Documents: documentVersions{Ended: executor.EndedVersion, Outcome: sandbox.OutcomeVersion},
	}
	if doc.Commit == "" {
		doc.Commit = builtCommit()
	}
	if o.JSON {
		return json.NewEncoder(w.Stdout).Encode(doc)
	}
	commit := ""
	if doc.Commit != "" {
		commit = " (" + doc.Commit + ")"
	}
	_, err := fmt.Fprintf(w.Stdout, "drydock %s%s, %s, %s\n", doc.Version, commit, doc.Go, doc.System)
	return err
}

// builtCommit is what the Go tool noted; it is only there in a build from a
// version-controlled checkout.
func builtCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return ""
}
