// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"drydock/sandbox"
)

// step is one message of a pull's progress (moby pkg/jsonmessage; Podman's
// images/pull sends the same and "error" alone).
type step struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error       string `json:"error"`
	ErrorDetail struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// transfer adds up the layers of a pull.
type transfer struct {
	what   string
	layers map[string]*layer
	digest string // of what was pulled, "sha256:…"
}

// layer is bytes of one layer as they come over the network.
type layer struct{ done, total int64 }

// What a stream can make us remember and add up: images have 127 layers at
// most, and no layer has a tebibyte.
const (
	maxLayers = 10_000
	maxLayer  = 1 << 40
)

// errPull is what the engine said in the midst of a pull.
type errPull struct{ message string }

func (e *errPull) Error() string { return e.message }

// readPull reads the messages of a pull to their end, and calls see after each
// one that moved something. The error is an *errPull when it is the engine's.
func readPull(stream io.Reader, t *transfer, see func(sandbox.Progress)) error {
	decoder := json.NewDecoder(stream)
	for {
		var s step
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the pull's progress: %w", err)
		}
		if message := cmp.Or(s.ErrorDetail.Message, s.Error); message != "" {
			return &errPull{cmp.Or(strings.TrimSpace(message), "the engine gave no reason")}
		}
		if t.add(s) {
			see(t.progress())
		}
	}
}

// add takes one message in and says whether the sums changed. Only downloads
// count: extraction goes through the same bytes again. A layer that is tried
// anew begins at 0 and takes its own place.
func (t *transfer) add(s step) bool {
	if digest, ok := strings.CutPrefix(s.Status, "Digest: "); ok {
		t.digest = strings.TrimSpace(digest)
		return false
	}
	if s.ID == "" {
		return false
	}
	switch s.Status {
	case "Downloading":
		l := t.layer(s.ID)
		if l == nil || min(s.Progress.Current, s.Progress.Total) < 0 || max(s.Progress.Current, s.Progress.Total) > maxLayer {
			return false
		}
		before := *l
		l.done, l.total = s.Progress.Current, max(s.Progress.Total, l.total, s.Progress.Current)
		return *l != before
	case "Verifying Checksum", "Download complete", "Extracting", "Pull complete":
		l := t.layers[s.ID]
		if l == nil || l.done == l.total {
			return false
		}
		l.done = l.total
		return true
	}
	return false
}

func (t *transfer) layer(id string) *layer {
	l := t.layers[id]
	if l == nil && len(t.layers) < maxLayers {
		if t.layers == nil {
			t.layers = map[string]*layer{}
		}
		l = &layer{}
		t.layers[id] = l
	}
	return l
}

func (t *transfer) progress() sandbox.Progress {
	p := sandbox.Progress{What: t.what}
	for _, l := range t.layers {
		p.Done += l.done
		p.Total += l.total
	}
	return p
}
