// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"drydock/executor"
	"drydock/gpu"
	"drydock/internal/config"
	"drydock/internal/options"
	"drydock/resources"
)

// gpuOptions are the flags that say what may be given for the accelerators
// that tasks ask for. Each counts above the profile's accelerators.
type gpuOptions struct {
	Substitute bool
	Missing    string
}

func gpuFlags(group string, o *gpuOptions) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "gpu-substitute", Category: group, Destination: &o.Substitute,
			Usage: "let a larger or newer GPU stand for the type that was asked for; the record says so (see drydock devices)"},
		&cli.StringFlag{Name: "gpu-missing", Category: group, Destination: &o.Missing,
			Usage: "`refuse|ignore` what a task does that asks for accelerators this machine lacks: ignore runs it without, to try its memory limit on any machine (refuse)"},
	}
}

// settings adds what was given to the settings that came as flags.
func (o gpuOptions) settings(given map[string]bool, flags map[string]string) {
	if o.Substitute {
		flags["gpu_substitute"] = "compatible"
	}
	if given["gpu-missing"] {
		flags["gpu_missing"] = o.Missing
	}
}

// gpuRule lays what the settings say of accelerators over the profile; nil is
// Flyte's own.
func gpuRule(s *config.Settings, p *resources.Profile) *resources.Profile {
	substitute, missing := s.Get("gpu_substitute").Text, s.Get("gpu_missing").Text
	if substitute == "" && missing == "" {
		return p
	}
	ruled := resources.DefaultProfile()
	if p != nil {
		ruled = *p
	}
	if substitute != "" {
		ruled.Accelerators.Substitution = substitute
	}
	if missing != "" {
		ruled.Accelerators.Missing = missing
	}
	return &ruled
}

// devicesOf finds the accelerators of this machine, or of the node that it is
// taken for.
func devicesOf(w World, s *config.Settings) (func(context.Context) gpu.Inventory, error) {
	node, err := options.Node(s.Get("node").Text)
	if err != nil || len(node.GPUs) == 0 {
		return w.Devices, err
	}
	return func(context.Context) gpu.Inventory { return gpu.Pretend(node.GPUs) }, nil
}

// changes are the resources that --override changes. A nil GPU of them changes
// nothing, unless there are to be none.
type changes struct {
	resources.Resources
	noGPU bool
}

func (c changes) isZero() bool { return c.IsZero() && !c.noGPU }

// on lays the changes over a task's resources.
func (c changes) on(t executor.Task) executor.Task {
	r := overlay(taskResources(t), c.Resources)
	if c.noGPU {
		r.GPU = nil
	}
	return t.Override(r)
}
