// SPDX-License-Identifier: Apache-2.0

// Package config answers which settings drydock runs with and where each came
// from: a flag, the environment, config.yaml or the default, in this order.
//
// Begin with Load. Unknown keys in config.yaml are errors with file and line.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Settings are all settings with their origins.
type Settings struct {
	values map[string]Value
	order  []string
}

// Value is one setting.
type Value struct {
	Key    string
	Text   string // as it is used; "" when the setting is off
	Origin Origin
}

// Inputs are what Load looks at.
type Inputs struct {
	Flags map[string]string // settings given as flags, by key
	Env   func(name string) (string, bool)
	Root  bool
	// File is the path given with --config; "": the standard place, if it exists.
	File string
}

// Load resolves every setting.
func Load(in Inputs) (*Settings, error) {
	paths := StandardPaths(in.Root, in.Env)
	fromFile, file, err := readConfigFile(in, paths)
	if err != nil {
		return nil, err
	}
	s := &Settings{values: map[string]Value{}}
	s.put(Value{Key: "config", Text: file.path, Origin: file.origin})
	for _, k := range keys {
		v, err := k.resolve(in, fromFile, paths)
		if err != nil {
			return nil, err
		}
		s.put(v)
	}
	return s, nil
}

func (s *Settings) put(v Value) {
	s.values[v.Key] = v
	s.order = append(s.order, v.Key)
}

// Get is the setting of that key; an unknown key is a bug and panics.
func (s *Settings) Get(key string) Value {
	v, ok := s.values[key]
	if !ok {
		panic("config: no setting " + key)
	}
	return v
}

// All are the settings in the order of the reference.
func (s *Settings) All() []Value {
	all := make([]Value, 0, len(s.order))
	for _, key := range s.order {
		all = append(all, s.values[key])
	}
	return all
}

type configFile struct {
	path   string
	origin Origin
}

// readConfigFile reads the file named by --config or DRYDOCK_CONFIG, which
// must exist, or the one at the standard place, which need not.
func readConfigFile(in Inputs, paths Paths) (map[string]Value, configFile, error) {
	file := configFile{path: in.File, origin: Origin{Kind: FromFlag, Name: "--config"}}
	if file.path == "" {
		if v, ok := in.Env("DRYDOCK_CONFIG"); ok && v != "" {
			file = configFile{v, Origin{Kind: FromEnv, Name: "DRYDOCK_CONFIG"}}
		}
	}
	mustExist := file.path != ""
	if !mustExist {
		file = configFile{filepath.Join(paths.Config, "config.yaml"), Origin{Kind: FromDefault}}
	}
	data, err := os.ReadFile(file.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !mustExist:
		file.path = ""
		return nil, file, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, file, &FileError{Path: file.path, Reason: fmt.Sprintf("the configuration file (%s) does not exist; name an existing one, or leave it out", file.origin), Err: err}
	case err != nil:
		return nil, file, &FileError{Path: file.path, Reason: "the configuration file cannot be read: " + err.Error(), Err: err}
	}
	values, err := Parse(file.path, data)
	return values, file, err
}
