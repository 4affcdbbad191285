// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"flag"
	"strings"

	"github.com/urfave/cli/v2"
)

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this"}
}

func configFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "config", Category: groupHost, Destination: to, Usage: "`FILE` of drydock's own settings (see drydock config)"}
}

func stateDirFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "state-dir", Category: groupHost, Destination: to, Usage: "`DIR` where attempts and history are kept"}
}

func profileFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "profile", Category: groupHost, Destination: to,
		Usage: "`FILE` of the cluster's defaults and limits (cluster.yaml beside config.yaml, else Flyte's own)"}
}

func nodeFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "node", Category: groupHost, Destination: to,
		Usage: "`SIZE` of the node that this machine is taken for, such as cpu=8,memory=32Gi,gpu=A100:2 (itself, less a reserve)"}
}

// words is the value of a wordsFlag.
type words []string

func (v *words) Set(s string) error { *v = append(*v, s); return nil }
func (v *words) String() string     { return strings.Join(*v, " ") }

// wordsFlag may be given several times. Unlike the library's slice flags it
// keeps commas and empty values, and its short and long name may be mixed.
type wordsFlag struct {
	Name, Short     string
	Category, Usage string
	Destination     *words
}

var _ cli.DocGenerationFlag = (*wordsFlag)(nil)

func (f *wordsFlag) Apply(set *flag.FlagSet) error {
	set.Var(f.Destination, f.Name, f.Usage)
	if f.Short != "" {
		set.Var(f.Destination, f.Short, f.Usage)
	}
	return nil
}

func (f *wordsFlag) String() string         { return dashed(f.Name) }
func (f *wordsFlag) Names() []string        { return []string{f.Name} } // one: the library would copy between aliases
func (f *wordsFlag) IsSet() bool            { return len(*f.Destination) > 0 }
func (f *wordsFlag) TakesValue() bool       { return true }
func (f *wordsFlag) GetUsage() string       { return f.Usage }
func (f *wordsFlag) GetCategory() string    { return f.Category }
func (f *wordsFlag) GetValue() string       { return "" }
func (f *wordsFlag) GetDefaultText() string { return "" }
func (f *wordsFlag) GetEnvVars() []string   { return nil }

// flagDoc is what help, the reference page and shell completion say about a flag.
type flagDoc struct {
	Name, Short string
	Meta        string // "" for a switch
	Usage       string
	Group       string
}

func flagDocs(flags []cli.Flag) []flagDoc {
	var docs []flagDoc
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		doc := flagDoc{Name: f.Names()[0], Usage: d.GetUsage()}
		for _, name := range flagNames([]cli.Flag{f}) {
			if len(name) == 1 {
				doc.Short = name
			}
		}
		if c, ok := f.(interface{ GetCategory() string }); ok {
			doc.Group = c.GetCategory()
		}
		if before, meta, ok := strings.Cut(doc.Usage, "`"); ok && d.TakesValue() {
			meta, after, _ := strings.Cut(meta, "`")
			doc.Meta, doc.Usage = meta, strings.TrimSpace(before+after)
		}
		docs = append(docs, doc)
	}
	return docs
}

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
		if w, ok := f.(*wordsFlag); ok && w.Short != "" {
			names = append(names, w.Short)
		}
	}
	return names
}

// givenFlags are the long names of the flags that were written.
func givenFlags(c *cli.Context) map[string]bool {
	given := map[string]bool{}
	for _, name := range c.LocalFlagNames() {
		given[name] = true
	}
	return given
}
