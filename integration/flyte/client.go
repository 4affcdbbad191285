// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/dataproxy/dataproxyconnect"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
)

// Client talks to a server on this machine, in another process or in this one.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the server at an endpoint (host:port).
func NewClient(endpoint string) *Client {
	// Its own transport: no proxy of the environment's stands between
	// programs on one machine.
	return &Client{base: "http://" + endpoint, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, fmt.Errorf("%s%s answered %s: %s", c.base, path, res.Status, strings.TrimSpace(string(text)))
	}
	return res, nil
}

// Status asks what the server is doing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	res, err := c.get(ctx, controlPrefix+"status")
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	return s, json.NewDecoder(res.Body).Decode(&s)
}

// News tells f what happens to a run, from how it stands on, until f returns
// an error, which it returns, or the server goes (io.ErrUnexpectedEOF).
func (c *Client) News(ctx context.Context, id engine.RunID, f func(News) error) error {
	res, err := c.get(ctx, controlPrefix+"news?run="+url.QueryEscape(id.Project+"/"+id.Domain+"/"+id.Name))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if len(line) <= 1 {
			continue // a heartbeat
		}
		var n News
		if err := json.Unmarshal(line, &n); err != nil {
			return fmt.Errorf("read news of the server: %w", err)
		}
		if err := f(n); err != nil {
			return err
		}
	}
}

// Exists reports whether the server knows the run.
func (c *Client) Exists(ctx context.Context, id engine.RunID) (bool, error) {
	runs := workflowconnect.NewRunServiceClient(c.http, c.base)
	_, err := runs.GetRunDetails(ctx, connect.NewRequest(&workflow.GetRunDetailsRequest{RunId: runIdentifier(id)}))
	if connect.CodeOf(err) == connect.CodeNotFound && err != nil {
		return false, nil
	}
	return err == nil, err
}

// Abort aborts a run; one that is over stays as it is.
func (c *Client) Abort(ctx context.Context, id engine.RunID, reason string) error {
	runs := workflowconnect.NewRunServiceClient(c.http, c.base)
	_, err := runs.AbortRun(ctx, connect.NewRequest(&workflow.AbortRunRequest{RunId: runIdentifier(id), Reason: &reason}))
	return err
}

func runIdentifier(id engine.RunID) *common.RunIdentifier {
	return &common.RunIdentifier{Project: id.Project, Domain: id.Domain, Name: id.Name}
}

// Tail gives write what an attempt prints, from its beginning to its end.
func (c *Client) Tail(ctx context.Context, id engine.ActionID, attempt int, write func(text string) error) error {
	data := dataproxyconnect.NewDataProxyServiceClient(c.http, c.base)
	for {
		err := c.tail(ctx, data, id, attempt, write)
		if connect.CodeOf(err) != connect.CodeNotFound || err == nil {
			return err
		}
		select { // the attempt's log is not there yet
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *Client) tail(ctx context.Context, data dataproxyconnect.DataProxyServiceClient, id engine.ActionID, attempt int, write func(string) error) error {
	stream, err := data.TailLogs(ctx, connect.NewRequest(&dataproxy.TailLogsRequest{
		ActionId: &common.ActionIdentifier{Run: runIdentifier(id.Run), Name: id.Name}, Attempt: uint32(attempt)}))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		for _, l := range stream.Msg().GetLogs() {
			for _, line := range l.GetLines() {
				if err := write(line.GetMessage()); err != nil {
					return err
				}
			}
		}
	}
	return stream.Err()
}
