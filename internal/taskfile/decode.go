// SPDX-License-Identifier: Apache-2.0

package taskfile

import (
	"errors"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"drydock/executor"
	"drydock/internal/options"
	"drydock/resources"
	"drydock/sandbox"
)

func (d decoder) file(root *yaml.Node) (*File, error) {
	f := &File{Path: d.path, tasks: map[string]entry{}}
	environments := map[string]*executor.Environment{}
	var tasks *yaml.Node
	err := d.mapping(root, "a task file", map[string]field{
		"environments": func(v *yaml.Node) error {
			return d.pairs(v, "environments", func(key, value *yaml.Node) error {
				if err := d.constant("environment "+key.Value, value); err != nil {
					return err
				}
				e, err := d.environment(key.Value, value)
				environments[key.Value] = e
				return err
			})
		},
		"tasks": func(v *yaml.Node) error { tasks = v; return nil }, // later: they name environments
	})
	if err != nil {
		return nil, err
	}
	if tasks == nil {
		return nil, d.fault(root, "no tasks; write tasks: with at least one task")
	}
	err = d.pairs(tasks, "tasks", func(key, value *yaml.Node) error {
		e, err := d.newEntry(key, value, environments)
		f.tasks[key.Value] = e
		return err
	})
	if err == nil && len(f.tasks) == 0 {
		err = d.fault(tasks, "no tasks; write tasks: with at least one task")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d decoder) environment(name string, node *yaml.Node) (*executor.Environment, error) {
	e := &executor.Environment{Name: name}
	var dir *yaml.Node
	err := d.mapping(node, "environment "+name, map[string]field{
		"resources": d.resources(&e.Resources),
		"env":       d.env(&e.Env),
		"image":     parsed(d, &e.Image, anyImage),
		"workdir":   d.later(&dir),
	})
	if err == nil {
		e.WorkDir, err = d.workDir(dir, e.Image)
	}
	return e, err
}

func (d decoder) task(key, node *yaml.Node, environments map[string]*executor.Environment) (executor.Task, error) {
	t := executor.Task{Name: key.Value}
	var dir *yaml.Node
	err := d.mapping(node, "task "+key.Value, map[string]field{
		"environment": func(v *yaml.Node) error {
			var name string
			if err := d.text(&name)(v); err != nil {
				return err
			}
			e, ok := environments[name]
			if !ok {
				return d.fault(v, "there is no environment %q", name)
			}
			t.Environment = e
			return nil
		},
		"matrix":       ignored, // newEntry has read them
		"array":        ignored,
		"command":      d.command("command", &t.Command),
		"resources":    d.resources(&t.Resources),
		"env":          d.env(&t.Env),
		"clean_env":    d.boolean(&t.CleanEnv),
		"image":        parsed(d, &t.Image, anyImage),
		"entrypoint":   d.command("entrypoint", &t.Entrypoint),
		"pull":         parsed(d, &t.Pull, options.Pull),
		"platform":     parsed(d, &t.Platform, options.Platform),
		"add_hosts":    d.hosts(&t.Hosts),
		"workdir":      d.later(&dir),
		"volumes":      d.volumes(&t.Mounts),
		"read_only":    d.boolean(&t.ReadOnly),
		"user":         d.text(&t.User),
		"network":      parsed(d, &t.Network, options.Network),
		"timeout":      parsed(d, &t.Timeout, options.Timeout),
		"grace":        parsed(d, &t.Grace, options.Grace),
		"child_oom":    parsed(d, &t.ChildOOM, options.ChildOOM),
		"disk_enforce": parsed(d, &t.DiskEnforce, options.DiskEnforce),
		"retries":      d.retries(&t.Retries),
		"oom_retry":    d.oomRetry(&t.OOMRetry),
	})
	if err == nil {
		err = d.place(key, dir, &t)
	}
	return t, err
}

func ignored(*yaml.Node) error { return nil }

// command is a list of words, the first of which names a program.
func (d decoder) command(key string, to *[]string) field {
	return func(v *yaml.Node) error {
		if v.Kind != yaml.SequenceNode {
			return d.fault(v, "%s is a list of words: [python3, train.py]", key)
		}
		*to = nil
		for _, item := range v.Content {
			var word string
			if err := d.text(&word)(resolve(item)); err != nil {
				return err
			}
			*to = append(*to, word)
		}
		if len(*to) == 0 || (*to)[0] == "" {
			return d.fault(v, "%s names no program", key)
		}
		return nil
	}
}

func (d decoder) resources(to *resources.Resources) field {
	return func(v *yaml.Node) error {
		var r resources.Resources
		if err := v.Decode(&r); err != nil {
			return d.resourceError(v, err)
		}
		*to = r
		return nil
	}
}

// resourceError keeps the line that package resources knows, else the node's.
func (d decoder) resourceError(v *yaml.Node, err error) error {
	var at *resources.LineError
	if errors.As(err, &at) {
		return &Error{Path: d.path, Line: at.Line, Reason: at.Err.Error()}
	}
	return &Error{Path: d.path, Line: v.Line, Reason: strings.TrimPrefix(err.Error(), "yaml: ")}
}

func (d decoder) env(to *map[string]string) field {
	return func(v *yaml.Node) error {
		env := map[string]string{}
		err := d.pairs(v, "env", func(key, value *yaml.Node) error {
			if err := options.VariableName(key.Value); err != nil {
				return d.fault(key, "%v", err)
			}
			var s string
			err := d.text(&s)(value)
			env[key.Value] = s
			return err
		})
		*to = env
		return err
	}
}

func (d decoder) volumes(to *[]sandbox.Mount) field {
	return func(v *yaml.Node) error {
		if v.Kind != yaml.SequenceNode {
			return d.fault(v, "volumes is a list: [\"./data:/data:ro\"]")
		}
		for _, item := range v.Content {
			var s string
			item = resolve(item)
			if err := d.text(&s)(item); err != nil {
				return err
			}
			m, err := options.Volume(s, d.dir)
			if err != nil {
				return d.fault(item, "%v", err)
			}
			*to = append(*to, m)
		}
		return nil
	}
}

// retries is a count, or {count, backoff}.
func (d decoder) retries(to *executor.Retries) field {
	return func(v *yaml.Node) error {
		if v.Kind == yaml.ScalarNode {
			return parsed(d, &to.Count, options.Retries)(v)
		}
		return d.mapping(v, "retries", map[string]field{
			"count":   parsed(d, &to.Count, options.Retries),
			"backoff": parsed(d, &to.Backoff, options.Wait),
		})
	}
}

// oomRetry is what the flag takes ("2x,max=4Gi"), or {factor, max, attempts}.
func (d decoder) oomRetry(to **executor.OOMRetry) field {
	return func(v *yaml.Node) error {
		r := &executor.OOMRetry{}
		*to = r
		if v.Kind == yaml.ScalarNode {
			return parsed(d, to, options.OOMRetry)(v)
		}
		return d.mapping(v, "oom_retry", map[string]field{
			"factor":   parsed(d, &r.Factor, options.Factor),
			"max":      parsed(d, &r.Max, options.MaxMemory),
			"attempts": parsed(d, &r.Attempts, options.Attempts),
		})
	}
}

func (d decoder) text(to *string) field {
	return func(v *yaml.Node) error {
		if v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
			return d.fault(v, "a single value is needed here")
		}
		if strings.ContainsRune(v.Value, 0) {
			return d.fault(v, "a value cannot hold a NUL character")
		}
		*to = v.Value
		return nil
	}
}

func (d decoder) boolean(to *bool) field {
	return func(v *yaml.Node) error {
		if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!bool" {
			return d.fault(v, "true or false is needed here")
		}
		b, err := strconv.ParseBool(strings.ToLower(v.Value))
		*to = b
		return err
	}
}

// parsed reads a scalar with the parser that the flag of the same name has.
func parsed[T any](d decoder, to *T, parse func(string) (T, error)) field {
	return func(v *yaml.Node) error {
		var s string
		if err := d.text(&s)(v); err != nil {
			return err
		}
		value, err := parse(s)
		if err != nil {
			return d.fault(v, "%v", err)
		}
		*to = value
		return nil
	}
}
