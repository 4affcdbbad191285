// SPDX-License-Identifier: Apache-2.0

package zoo

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// document is what drydock said, taken apart.
type document struct {
	lines  []map[string]any // of stdout, with --json
	ended  map[string]any   // the ended document; nil: none
	count  int              // of ended lines
	output map[string][]byte
}

// read takes apart what drydock said. What is malformed becomes a problem.
func (r *run) read() {
	r.output = map[string][]byte{}
	if r.plain {
		r.output["stdout"], r.output["stderr"] = r.stdout.Bytes(), r.stderr.Bytes()
		r.readResult()
		return
	}
	reader := bufio.NewReader(bytes.NewReader(r.stdout.Bytes()))
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			r.readLine(number, line)
		}
		if errors.Is(err, io.EOF) {
			return
		}
	}
}

func (r *run) readLine(number int, line []byte) {
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		r.problem("stdout line %d is not a JSON object: %s", number, clip(string(line)))
		return
	}
	r.lines = append(r.lines, object)
	if problem := stamped(object); problem != "" {
		r.problem("stdout line %d %s: %s", number, problem, clip(string(line)))
	}
	switch object["type"] {
	case "ended":
		r.ended = object
		r.count++
	case "output":
		r.readOutput(number, line)
	}
}

// stamped says what is wrong with a line's type and time.
func stamped(object map[string]any) string {
	if kind, ok := object["type"].(string); !ok || kind == "" {
		return "has no type"
	}
	at, ok := object["time"].(string)
	if !ok {
		return "has no time"
	}
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil || !strings.HasSuffix(at, "Z") {
		return "has a time that is not RFC 3339 in UTC"
	}
	return ""
}

func (r *run) readOutput(number int, line []byte) {
	var piece struct {
		Stream string `json:"stream"`
		Text   string `json:"text"`
		Bytes  []byte `json:"bytes"`
	}
	if err := json.Unmarshal(line, &piece); err != nil {
		r.problem("stdout line %d: %v", number, err)
		return
	}
	if piece.Stream != "stdout" && piece.Stream != "stderr" {
		r.problem("stdout line %d: output of no stream: %q", number, piece.Stream)
	}
	r.output[piece.Stream] = append(append(r.output[piece.Stream], piece.Text...), piece.Bytes...)
}

func (r *run) readResult() {
	content, err := os.ReadFile(r.place.resultFile())
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(content, &r.ended)
	}
	if err != nil {
		r.problem("the --result file: %v", err)
		return
	}
	r.count = 1
	if problem := stamped(r.ended); problem != "" || r.ended["type"] != "ended" {
		r.problem("the --result file is not an ended document (%s)", problem)
	}
}

// notes show what drydock said, for a reader of a failure.
func (r *run) notes() []string {
	notes := []string{
		"command: " + clip(strings.Join(r.argv, " ")),
		fmt.Sprintf("exit %d after %.2f s", r.exit, r.seconds),
	}
	if r.ended != nil {
		ended, _ := json.Marshal(r.ended)
		notes = append(notes, "ended: "+string(ended))
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if text := r.output[stream]; len(text) > 0 {
			notes = append(notes, "task's "+stream+": "+clip(string(text)))
		}
	}
	if !r.plain && r.stderr.Len() > 0 {
		notes = append(notes, "drydock's stderr: "+clip(r.stderr.String()))
	}
	return notes
}

func clip(text string) string {
	const most = 1500
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
