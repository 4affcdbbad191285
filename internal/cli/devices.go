// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"drydock/gpu"
	"drydock/gpu/health"
	"drydock/internal/admission"
	"drydock/internal/options"
	"drydock/sandbox/supervise/client"
)

type devicesOptions struct {
	JSON, Watch, Refresh bool
	Interval             string
	Given                map[string]bool
}

var devicesPage = page{
	Usages: []string{"[FLAG…]"},
	About: `Lists the accelerators of this machine: NVIDIA GPUs and their MIG devices, AMD GPUs,
Gaudis, Neuron devices and TPUs, as far as their drivers tell. Each has the type by which
a task asks for it, and a state: free, held by a task, in use by somebody else's program,
or what is wrong with it. A card whose type the SDK has no name for serves gpu=N alone.

Looking changes nothing and needs no root. A driver that does not answer within five
seconds is given up, and what is known without it is listed.

A GPU of which the driver reported an error while a task had it (an XID, such as 79: it
fell off the bus) stays unhealthy, and no task gets it, until --refresh finds it well: reset
it, or reboot, before. Errors that a task's own program made do not count.`,
	Examples: []example{
		{"What is here?", "drydock devices"},
		{"Look on while it is used", "drydock devices --watch"},
		{"After a reset: let tasks have the GPU again", "drydock devices --refresh"},
		{"For a script: the types that are free", "drydock devices --json | jq -r '.devices[] | select(.state==\"free\").type'"},
	},
	Exits: []exit{{"0", "listed, also when there is none"}, {"125", "drydock's own failure"}, {"130", "Ctrl-C with --watch"}},
}

func newDevicesCommand(w World) *cli.Command {
	var o devicesOptions
	return &cli.Command{
		Name:  "devices",
		Usage: "list this machine's accelerators, who has them, and what is wrong with them",
		Flags: []cli.Flag{
			jsonFlag(&o.JSON),
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Destination: &o.Watch, Usage: "look again and again, until Ctrl-C"},
			&cli.BoolFlag{Name: "refresh", Destination: &o.Refresh, Usage: "forget reported errors of GPUs that are found well now"},
			&cli.StringFlag{Name: "interval", Destination: &o.Interval, Usage: "`D` between two looks of --watch (2s)"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o.Given = givenFlags(c)
			return runDevices(c.Context, w, o)
		},
	}
}

const (
	devicesInterval      = 2 * time.Second
	leastDevicesInterval = 500 * time.Millisecond // opening a GPU that sleeps takes longer
)

func (o devicesOptions) interval() (time.Duration, error) {
	switch {
	case !o.Given["interval"]:
		return devicesInterval, nil
	case !o.Watch:
		return 0, usagef("add --watch, or leave it out", "--interval without --watch has nothing to do")
	}
	d, err := options.Duration(o.Interval)
	if err != nil {
		return 0, flagged("--interval", err)
	}
	if d < leastDevicesInterval {
		return 0, usagef("accepted: 500ms or more", "--interval %s is too short", o.Interval)
	}
	return d, nil
}

func runDevices(ctx context.Context, w World, o devicesOptions) error {
	interval, err := o.interval()
	if err != nil {
		return err
	}
	survivePipes(w)
	ctx, stop := untilSignal(ctx, w)
	defer stop()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		doc, err := lookAtDevices(ctx, w, o.Refresh)
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if err == nil {
			err = printDevices(w, o, doc)
		}
		if err != nil || !o.Watch {
			return err
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx)
		case <-tick.C:
		}
	}
}

// devicesDocument is what devices --json prints, a line for each look.
type devicesDocument struct {
	Type     string        `json:"type"` // "devices"
	Version  int           `json:"version"`
	Time     time.Time     `json:"time"`
	Driver   *gpu.Driver   `json:"driver,omitempty"`
	Devices  []deviceLine  `json:"devices"`
	Problems []gpu.Problem `json:"problems"`
	Platform gpu.Platform  `json:"platform,omitempty"`
	// Refreshed are GPUs whose reported errors --refresh forgot.
	Refreshed []gpu.ID `json:"refreshed,omitempty"`
}

// deviceLine is a device, or a MIG device below the GPU that it is a part of.
type deviceLine struct {
	gpu.Device
	MIG    *migLine `json:"mig,omitempty"` // in the place of the device's own
	State  string   `json:"state"`         // see deviceState
	Why    string   `json:"why,omitempty"`
	Holder *holder  `json:"holder,omitempty"`
}

type migLine struct {
	Enabled bool       `json:"enabled"`
	Pending bool       `json:"pending,omitempty"`
	Parts   []partLine `json:"parts"`
}

type partLine struct {
	gpu.Part
	State  string  `json:"state"`
	Why    string  `json:"why,omitempty"`
	Holder *holder `json:"holder,omitempty"`
}

// holder is the attempt that a device was given to.
type holder struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
	UID     uint32 `json:"uid"`
}

func lookAtDevices(ctx context.Context, w World, refresh bool) (devicesDocument, error) {
	leases, err := admission.Read("")
	if err != nil {
		return devicesDocument{}, err
	}
	settings, err := loadSettings(w, "", nil)
	if err != nil {
		return devicesDocument{}, err
	}
	find, err := devicesOf(w, settings)
	if err != nil {
		return devicesDocument{}, err
	}
	inv := find(ctx)
	marks := string(client.LeasesIn(""))
	var refreshed []gpu.ID
	if refresh {
		if refreshed, err = health.Clear(marks, inv); err != nil {
			return devicesDocument{}, err
		}
	}
	inv = health.Apply(marks, inv)
	holders := map[gpu.ID]*holder{}
	for _, h := range leases.Holders {
		for _, d := range h.Holds.Devices {
			holders[gpu.ID(d.ID)] = &holder{h.ID, h.Attempt, h.UID}
		}
	}
	doc := devicesDocument{Type: "devices", Version: 1, Time: w.Now().UTC(), Driver: inv.Driver, Devices: []deviceLine{},
		Problems: inv.Problems, Platform: inv.Platform, Refreshed: refreshed}
	if doc.Problems == nil {
		doc.Problems = []gpu.Problem{}
	}
	for _, d := range inv.Devices {
		doc.Devices = append(doc.Devices, lineOf(d, holders))
	}
	return doc, nil
}

func lineOf(d gpu.Device, holders map[gpu.ID]*holder) deviceLine {
	line := deviceLine{Device: d, Holder: holders[d.ID]}
	line.State, line.Why = deviceState(d, line.Holder)
	if d.MIG != nil {
		line.MIG = &migLine{Enabled: d.MIG.Enabled, Pending: d.MIG.Pending, Parts: []partLine{}}
		for _, p := range d.MIG.Parts {
			part := partLine{Part: p, Holder: holders[p.ID]}
			part.State, part.Why = partState(line.State, p, part.Holder)
			line.MIG.Parts = append(line.MIG.Parts, part)
		}
	}
	return line
}

func printDevices(w World, o devicesOptions, doc devicesDocument) error {
	if o.JSON {
		enc := json.NewEncoder(w.Stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(doc)
	}
	text := devicesText(styleOf(w, w.Stdout), doc, columns(w))
	switch {
	case o.Watch && canPaint(w, w.Stdout):
		text = "\x1b[H\x1b[J" + text // from the top, and nothing left below
	case o.Watch:
		text = doc.Time.Local().Format(time.TimeOnly) + "\n" + text
	}
	_, err := io.WriteString(w.Stdout, text)
	return err
}
