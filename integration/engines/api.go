// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// client speaks to an engine's API, in the version that it has itself.
type client struct {
	path     string        // of the socket
	patience time.Duration // with one request; 0: usualPatience
}

// usualPatience is for what an engine answers at once on a quiet machine: one
// that is busy with other tests makes Podman, which runs its runtimes to tell
// its version, take many times its half a second.
const usualPatience = time.Minute

// do makes one request; the error of a refusal holds the engine's words.
func (c client) do(method, target string, body io.Reader) ([]byte, error) {
	return c.send(method, target, nil, body)
}

func (c client) send(method, target string, header http.Header, body io.Reader) ([]byte, error) {
	if c.patience == 0 {
		c.patience = usualPatience
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.path)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://engine"+target, body)
	if err != nil {
		return nil, err
	}
	request.Header = header.Clone()
	if header == nil {
		request.Header = http.Header{}
	}
	if body != nil && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/x-tar")
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, target, response.Status, bytes.TrimSpace(text))
	}
	return text, err
}

// json makes a request with a JSON document and reads another into answer.
func (c client) json(method, target string, document, answer any) error {
	var body io.Reader
	header := http.Header{"Content-Type": {"application/json"}}
	if document != nil {
		content, err := json.Marshal(document)
		if err != nil {
			return err
		}
		body = bytes.NewReader(content)
	}
	text, err := c.send(method, target, header, body)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// progress makes a request that answers with a stream of JSON documents,
// which may tell of a failure after a status that was good.
func (c client) progress(method, target string, header http.Header, body io.Reader) error {
	text, err := c.send(method, target, header, body)
	if err != nil {
		return err
	}
	for documents := json.NewDecoder(bytes.NewReader(text)); ; {
		var step struct{ Error string }
		if err := documents.Decode(&step); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s %s: %w", method, target, err)
		}
		if step.Error != "" {
			return fmt.Errorf("%s %s: %s", method, target, step.Error)
		}
	}
}

func (c client) version() (string, error) {
	var v struct{ Version string }
	err := c.json(http.MethodGet, "/version", nil, &v)
	return v.Version, err
}

// removeContainers removes all there are, running or not.
func (c client) removeContainers() error {
	var all []struct {
		ID string `json:"Id"`
	}
	err := c.json(http.MethodGet, "/containers/json?all=1", nil, &all)
	for _, one := range all {
		_, removed := c.do(http.MethodDelete, "/containers/"+url.PathEscape(one.ID)+"?force=1&v=1", nil)
		err = errors.Join(err, removed)
	}
	return err
}
