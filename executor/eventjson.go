// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"drydock/gpu"
	"drydock/gpu/usage"
	"drydock/resources"
	"drydock/sandbox"
)

// EventJSON returns an event as one line of JSON, without a newline at its
// end. Output that is no UTF-8 comes as bytes (base64) instead of text.
func EventJSON(e Event) ([]byte, error) {
	doc, err := eventDocument(e)
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // nobody puts these lines into a web page as they are
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("encode %s event: %w", e.Type, err)
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}

// head begins every line but ended's.
type head struct {
	Type    EventType `json:"type"`
	Time    time.Time `json:"time"`
	ID      string    `json:"id"`
	Attempt int       `json:"attempt,omitempty"`
}

type queuedLine struct {
	head
	Name      string           `json:"name,omitempty"`
	Resources resources.Demand `json:"resources"`
	Waiting   string           `json:"waiting,omitempty"`
}

type admittedLine struct {
	head
	Resources    resources.Demand      `json:"resources"`
	Image        string                `json:"image,omitempty"`
	Accelerators *Accelerators         `json:"accelerators,omitempty"`
	Limits       []sandbox.Enforcement `json:"limits,omitempty"`
	Warnings     []resources.Warning   `json:"warnings,omitempty"`
	Dir          string                `json:"dir,omitempty"`
}

type pullLine struct {
	head
	Image    string `json:"image"`
	Done     int64  `json:"done"`
	Total    int64  `json:"total,omitempty"`
	Finished bool   `json:"finished,omitempty"`
}

type startedLine struct {
	head
	PID int `json:"pid,omitempty"`
}

type outputLine struct {
	head
	Stream Stream  `json:"stream"`
	Text   *string `json:"text,omitempty"`
	Bytes  []byte  `json:"bytes,omitempty"`
}

type sampleLine struct {
	head
	Memory int64 `json:"memory"`
	*sandbox.Breakdown
	CPUSeconds float64           `json:"cpu_seconds"`
	Pressure   *sandbox.Pressure `json:"pressure,omitempty"`
	Disk       *int64            `json:"disk,omitempty"`
}

type gpuLine struct {
	head
	Devices []usage.Use `json:"devices,omitempty"`
	XIDs    []gpu.XID   `json:"xids,omitempty"`
	Problem string      `json:"problem,omitempty"`
}

type oomLine struct {
	head
	OOMReport
}

type retriedLine struct {
	head
	Number    int              `json:"number"`
	Reason    string           `json:"reason"`
	Delay     float64          `json:"delay_seconds,omitempty"`
	Resources resources.Demand `json:"resources"`
}

func eventDocument(e Event) (any, error) {
	h := head{Type: e.Type, Time: e.Time.UTC(), ID: e.ID, Attempt: e.Attempt}
	switch {
	case e.Type == EventQueued && e.Queued != nil:
		return queuedLine{h, e.Queued.Name, e.Queued.Resources, e.Queued.Waiting}, nil
	case e.Type == EventAdmitted && e.Admitted != nil:
		a := e.Admitted
		return admittedLine{h, a.Resources, a.Image, a.Accelerators, a.Limits, a.Warnings, a.Dir}, nil
	case e.Type == EventPull && e.Pull != nil:
		p := e.Pull
		return pullLine{h, p.Image, p.Done, p.Total, p.Finished}, nil
	case e.Type == EventStarted && e.Started != nil:
		return startedLine{h, e.Started.PID}, nil
	case e.Type == EventOutput && e.Output != nil:
		return outputDocument(h, e.Output), nil
	case e.Type == EventSample && e.Sample != nil:
		s := e.Sample
		return sampleLine{h, s.Memory, s.Breakdown, s.CPUSeconds, s.Pressure, s.Disk}, nil
	case e.Type == EventGPU && e.GPU != nil:
		return gpuLine{h, e.GPU.Devices, e.GPU.XIDs, e.GPU.Problem}, nil
	case e.Type == EventOOM && e.OOM != nil:
		return oomLine{h, *e.OOM}, nil
	case e.Type == EventRetried && e.Retried != nil:
		r := e.Retried
		return retriedLine{h, r.Number, r.Reason, r.Delay.Seconds(), r.Resources}, nil
	case e.Type == EventEnded && e.Ended != nil:
		return e.Ended.Document(), nil
	}
	return nil, fmt.Errorf("event of type %q without its payload", e.Type)
}

func outputDocument(h head, o *Output) outputLine {
	line := outputLine{head: h, Stream: o.Stream}
	if utf8.Valid(o.Data) {
		text := string(o.Data)
		line.Text = &text
	} else {
		line.Bytes = o.Data
	}
	return line
}
