// SPDX-License-Identifier: Apache-2.0

// Package zoo runs programs with known ends through the built drydock and
// compares what it says with what is known.
//
// A zoo is a directory with a scenarios.json and the sources below files/; its
// README is the contract that this package implements. Begin with Load and
// Runner.Run.
package zoo

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Version is the version of scenarios.json that this package reads.
const Version = 1

// Scenario is one program, how it is started, and what must come of it.
type Scenario struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Why    string            `json:"why"`
	Limits map[string]string `json:"limits"`
	Flags  []string          `json:"flags"`
	Cmd    []Word            `json:"cmd"`

	Files []string          `json:"files"`
	Modes map[string]string `json:"modes"`
	Links map[string]string `json:"links"`
	Build []string          `json:"build"`
	Needs []string          `json:"needs"`

	Env     map[string]string `json:"env"`
	EnvMany map[string]int    `json:"env_many"`
	Stdin   *Stdin            `json:"stdin"`
	Launch  Launch            `json:"launch"`
	Outside []Outside         `json:"outside"`
	Mode    string            `json:"mode"` // "" or "plain"
	Rounds  int               `json:"rounds"`
	Hang    float64           `json:"hang"`

	Expect Expect `json:"expect"`
	Prefer Expect `json:"prefer"`

	raw json.RawMessage
}

// Launch is how drydock itself is started.
type Launch struct {
	OOMScoreAdj *int   `json:"oom_score_adj"`
	Cwd         string `json:"cwd"` // "" or "deleted"
}

// Outside is a signal from the host, some seconds after the start.
type Outside struct {
	After  float64 `json:"after"`
	Signal string  `json:"signal"`
	Target string  `json:"target"` // "drydock" or "main"
}

// Word is one piece of a command: usually one argument.
type Word []string

// UnmarshalJSON reads a string, {"hex": …}, {"repeat": [word, n]} (one long
// word) or {"words": [word, n]} (many).
func (w *Word) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*w = Word{text}
		return nil
	}
	var form struct {
		Hex    *string `json:"hex"`
		Repeat *times  `json:"repeat"`
		Words  *times  `json:"words"`
	}
	if err := strict(data, &form); err != nil {
		return err
	}
	switch {
	case form.Hex != nil:
		bytes, err := hex.DecodeString(*form.Hex)
		*w = Word{string(bytes)}
		return err
	case form.Repeat != nil:
		*w = Word{strings.Repeat(form.Repeat.text, form.Repeat.n)}
	case form.Words != nil:
		for range form.Words.n {
			*w = append(*w, form.Words.text)
		}
	default:
		return fmt.Errorf("no such form of a word: %s", data)
	}
	return nil
}

// times is [text, n].
type times struct {
	text string
	n    int
}

func (r *times) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&r.text, &r.n})
}

// Stdin is what the standard input holds.
type Stdin struct{ Bytes []byte }

// UnmarshalJSON reads a string or {"hex": …, "times": n}.
func (s *Stdin) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		s.Bytes = []byte(text)
		return nil
	}
	form := struct {
		Hex   string `json:"hex"`
		Times int    `json:"times"`
	}{Times: 1}
	if err := strict(data, &form); err != nil {
		return err
	}
	once, err := hex.DecodeString(form.Hex)
	s.Bytes = bytes.Repeat(once, form.Times)
	return err
}

// Load reads the scenarios of a zoo. An unknown key is an error: a key that
// this package does not know would not be checked.
func Load(dir string) ([]Scenario, error) {
	path := filepath.Join(dir, "scenarios.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document struct {
		Version   int               `json:"version"`
		Scenarios []json.RawMessage `json:"scenarios"`
	}
	if err := strict(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if document.Version != Version {
		return nil, fmt.Errorf("%s: version %d, this runner reads version %d", path, document.Version, Version)
	}
	var all []Scenario
	seen := map[string]bool{}
	for i, raw := range document.Scenarios {
		s, err := parse(raw)
		if err == nil && seen[s.ID] {
			err = fmt.Errorf("the id %q comes twice", s.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: scenario %d (%s): %w", path, i, s.ID, err)
		}
		seen[s.ID] = true
		all = append(all, s)
	}
	return all, nil
}

func parse(raw json.RawMessage) (Scenario, error) {
	s := Scenario{raw: raw}
	if err := strict(raw, &s); err != nil {
		return s, err
	}
	if s.ID == "" || len(s.Cmd) == 0 || len(s.Expect) == 0 {
		return s, fmt.Errorf("id, cmd and expect are required")
	}
	if s.Mode != "" && s.Mode != "plain" {
		return s, fmt.Errorf("no such mode: %q", s.Mode)
	}
	if s.Launch.Cwd != "" && s.Launch.Cwd != "deleted" {
		return s, fmt.Errorf("no such cwd: %q", s.Launch.Cwd)
	}
	for _, e := range []Expect{s.Expect, s.Prefer} {
		if err := e.validate(); err != nil {
			return s, err
		}
	}
	return s, nil
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
