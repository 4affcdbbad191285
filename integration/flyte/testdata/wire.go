// SPDX-License-Identifier: Apache-2.0

// Package testdata gives tests the recorded conversations of the Flyte SDK
// with a backend. README.md says what is in them.
package testdata

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

//go:embed wire
var files embed.FS

// Call is one recorded call.
type Call struct {
	Number   int
	Service  string // RunService
	Method   string // CreateRun
	Caller   string // client, or ACTION#ATTEMPT; "" when it was not noted
	Request  []byte
	Response []byte // nil: there was none, or it was not kept
	Error    string // code of the error that was answered; "": none
}

func (c Call) String() string { return fmt.Sprintf("%02d %s.%s", c.Number, c.Service, c.Method) }

// Scenarios are the names of all conversations.
func Scenarios() (names []string, err error) {
	entries, err := files.ReadDir("wire")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".tar.gz"); ok {
			names = append(names, name)
		}
	}
	return names, err
}

// Calls reads a conversation.
func Calls(scenario string) ([]Call, error) {
	members, err := unpack(scenario)
	if err != nil {
		return nil, fmt.Errorf("conversation %s: %w", scenario, err)
	}
	callers := callersOf(members["conversation.txt"])
	var calls []Call
	for name, data := range members {
		base, ok := strings.CutSuffix(name, ".request.binpb")
		if !ok {
			continue
		}
		c, err := newCall(base)
		if err != nil {
			return nil, fmt.Errorf("conversation %s: %w", scenario, err)
		}
		c.Caller, c.Request, c.Response = callers[c.Number], data, members[base+".response.binpb"]
		if failure, ok := members[base+".error.json"]; ok {
			var doc struct {
				Error struct{ Code string }
			}
			if err := json.Unmarshal(failure, &doc); err != nil {
				return nil, err
			}
			c.Error = doc.Error.Code
		}
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Compare(a.Number, b.Number) })
	return calls, nil
}

// Headers are the headers of one request of each method, by path.
func Headers() (all map[string]map[string]string, err error) {
	data, err := files.ReadFile("wire/headers.json")
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	return all, err
}

// Frames splits a stream's answer into its messages.
func Frames(data []byte) (messages [][]byte, err error) {
	for len(data) > 0 {
		if len(data) < 5 || data[0] != 0 || uint64(len(data)-5) < uint64(binary.BigEndian.Uint32(data[1:])) {
			return nil, errors.New("a recorded stream is broken")
		}
		n := 5 + int(binary.BigEndian.Uint32(data[1:]))
		messages = append(messages, data[5:n])
		data = data[n:]
	}
	return messages, nil
}

func newCall(base string) (c Call, err error) {
	number, rest, _ := strings.Cut(base, "-")
	c.Service, c.Method, _ = strings.Cut(rest, ".")
	c.Number, err = strconv.Atoi(number)
	return c, err
}

func unpack(scenario string) (map[string][]byte, error) {
	data, err := files.ReadFile("wire/" + scenario + ".tar.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	members := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		content := []byte{} // an empty message is not a missing one
		if h.Size > 0 {
			if content, err = io.ReadAll(r); err != nil {
				return nil, err
			}
		}
		members[h.Name] = content
	}
}

// callersOf reads who made which call: "  1487 ms  01  client  …".
func callersOf(conversation []byte) map[int]string {
	callers := map[int]string{}
	for s := bufio.NewScanner(bytes.NewReader(conversation)); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) > 3 {
			if n, err := strconv.Atoi(words[2]); err == nil {
				callers[n] = words[3]
			}
		}
	}
	return callers
}
