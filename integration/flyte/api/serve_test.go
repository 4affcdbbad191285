// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/actions"
	"drydock/integration/flyte/flyteidl2/auth"
	"drydock/integration/flyte/flyteidl2/workflow"
	"drydock/integration/flyte/flyteidl2/workflow/workflowconnect"
	"drydock/integration/flyte/testdata"
)

func zip(data []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(data)
	_ = z.Close()
	return buf.Bytes()
}

func frame(flags byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(data))), data...)
}

// post sends bytes to a path with the headers of the SDK.
func (f *fixture) post(path, contentType string, body []byte, change ...func(http.Header)) (*http.Response, []byte) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.http.URL+path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Connect-Protocol-Version", "1")
	req.Header.Set("Accept-Encoding", "gzip,identity")
	if contentType == "application/proto" {
		req.Header.Set("Content-Encoding", "gzip")
	} else {
		req.Header.Set("Connect-Content-Encoding", "gzip")
		req.Header.Set("Connect-Accept-Encoding", "identity")
	}
	for _, c := range change {
		c(req.Header)
	}
	res, err := f.http.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if res.Header.Get("Content-Encoding") == "gzip" {
		if data, err = gunzip(data, maxMessage); err != nil {
			f.t.Fatal(err)
		}
	}
	return res, data
}

// answered reads the code and message of an answer, from the frame that ends
// a stream, too; "" for none.
func answered(t testing.TB, res *http.Response, data []byte) (code, message string) {
	t.Helper()
	var doc struct {
		Code, Message string
		Error         *struct{ Code, Message string }
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), streamType) {
		for len(data) >= frameHeader && data[0]&2 == 0 {
			data = data[frameHeader+binary.BigEndian.Uint32(data[1:]):]
		}
		if len(data) < frameHeader {
			t.Fatalf("the stream has no end: %q", data)
		}
		data = data[frameHeader:]
	} else if res.StatusCode == http.StatusOK {
		return "", ""
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%d %q: %v", res.StatusCode, data, err)
	}
	if doc.Error != nil {
		return doc.Error.Code, doc.Error.Message
	}
	return doc.Code, doc.Message
}

const (
	unary  = "application/proto"
	stream = "application/connect+proto"
)

func TestUnserved(t *testing.T) {
	f := newFixture(t)
	for _, tt := range []struct{ path, kind, word string }{
		{"/flyteidl2.workflow.QueueService/EnqueueAction", unary, "_U_USE_ACTIONS"},
		{"/flyteidl2.workflow.StateService/Watch", stream, "_U_USE_ACTIONS"},
		{"/flyteidl2.trigger.TriggerService/ListTriggers", unary, "schedules"},
		{"/flyteidl2.app.AppService/List", unary, "apps"},
		{"/flyteidl2.app.AppLogsService/TailLogs", stream, "apps"},
		{"/flyteidl2.workflow.RunService/WatchGroups", stream, "WatchRuns"},
		{"/flyteidl2.actions.ActionsService/Update", unary, "Update"},
		{"/flyteidl2.new.NewService/New", unary, "new.NewService/New"},
		{"/flyteidl2." + strings.Repeat("x", 5000), unary, "xxx"},
	} {
		for _, body := range [][]byte{nil, []byte("what\xff"), zip([]byte("ever"))} {
			res, data := f.post(tt.path, tt.kind, body)
			code, message := answered(t, res, data)
			if code != "unimplemented" || !strings.Contains(message, "drydock") || !strings.Contains(message, tt.word) || len(message) > 500 {
				t.Errorf("%.60s: %s %q", tt.path, code, message)
			}
			if tt.kind == unary && (res.StatusCode != 501 || res.Header.Get("Content-Type") != "application/json") {
				t.Errorf("%.60s: %d %s", tt.path, res.StatusCode, res.Header.Get("Content-Type"))
			}
			if tt.kind == stream && (res.StatusCode != 200 || res.Header.Get("Content-Type") != stream) {
				t.Errorf("%.60s: %d %s", tt.path, res.StatusCode, res.Header.Get("Content-Type"))
			}
		}
	}
	if res, _ := f.post("/other", unary, nil); res.StatusCode != 404 {
		t.Errorf("another path: %d", res.StatusCode)
	}
	res, err := http.Get(f.http.URL + "/flyteidl2.workflow.RunService/CreateRun")
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", res.StatusCode, err)
	}
}

// Bodies that are not what they should be are the client's fault, whatever it
// says about them, and nothing that it should repeat.
func TestBodies(t *testing.T) {
	f := newFixture(t)
	const limit = 1 << 20
	f.handler.limit = limit
	id := f.start()
	details := workflowconnect.RunServiceGetActionDetailsProcedure
	watch := workflowconnect.RunServiceWatchRunDetailsProcedure
	message, _ := proto.Marshal(&workflow.GetActionDetailsRequest{ActionId: id})
	f.launcher.finish(t, at(id, 1), engine.End{Phase: succeeded})
	watchMessage, _ := proto.Marshal(&workflow.WatchRunDetailsRequest{RunId: id.GetRun()})
	bomb := zip(make([]byte, limit+1))
	huge := make([]byte, limit+frameHeader+1)
	plain := func(h http.Header) { h.Del("Content-Encoding"); h.Del("Connect-Content-Encoding") }
	for _, tt := range []struct {
		name, path, kind string
		body             []byte
		want             string
		change           func(http.Header)
	}{
		{"gzip", details, unary, zip(message), "", nil},
		{"gzip announced for plain bytes", details, unary, message, "", nil},
		{"plain", details, unary, message, "", plain},
		{"identity", details, unary, message, "", func(h http.Header) { h.Set("Content-Encoding", "identity") }},
		{"gzip in two members", details, unary, append(zip(message[:9]), zip(message[9:])...), "", nil},
		{"nothing", details, unary, nil, "invalid_argument", nil},
		{"no protobuf", details, unary, []byte("what\xff"), "invalid_argument", plain},
		{"broken gzip", details, unary, zip(message)[:20], "invalid_argument", nil},
		{"gzip with a tail", details, unary, append(zip(message), 'x'), "invalid_argument", nil},
		{"bomb", details, unary, bomb, "invalid_argument", nil},
		{"too large", details, unary, huge, "invalid_argument", plain},
		{"JSON", details, "application/json", []byte(`{"actionId":{`), "invalid_argument", plain},
		{"another compression", details, unary, message, "unimplemented", func(h http.Header) { h.Set("Content-Encoding", "zstd") }},

		{"stream", watch, stream, frame(1, zip(watchMessage)), "", nil},
		{"plain frame", watch, stream, frame(0, watchMessage), "", nil},
		{"no frame", watch, stream, nil, "invalid_argument", nil},
		{"half a frame", watch, stream, frame(0, watchMessage)[:12], "invalid_argument", nil},
		{"half a header", watch, stream, []byte{0, 0}, "invalid_argument", nil},
		{"a frame of 4 GiB", watch, stream, []byte{1, 0xff, 0xff, 0xff, 0xff, 0}, "invalid_argument", nil},
		{"broken gzip in a frame", watch, stream, frame(1, zip(watchMessage)[:15]), "invalid_argument", nil},
		{"a frame bomb", watch, stream, frame(1, bomb), "invalid_argument", nil},
		{"a compressed frame unannounced", watch, stream, frame(1, zip(watchMessage)), "invalid_argument", plain},
		{"two frames", watch, stream, append(frame(0, watchMessage), frame(0, watchMessage)...), "invalid_argument", nil},
		{"a frame that ends the stream", watch, stream, frame(2, watchMessage), "invalid_argument", nil},
		{"no protobuf in a frame", watch, stream, frame(0, []byte("what\xff")), "invalid_argument", nil},
		{"a stream with a timeout that is none", watch, stream, frame(0, watchMessage), "invalid_argument",
			func(h http.Header) { h.Set("Connect-Timeout-Ms", "soon") }},
	} {
		change := tt.change
		if change == nil {
			change = func(http.Header) {}
		}
		res, data := f.post(tt.path, tt.kind, tt.body, change)
		if code, text := answered(t, res, data); code != tt.want {
			t.Errorf("%s: %q (%s), want %q", tt.name, code, text, tt.want)
		}
	}
}

// The SDK's own headers, method by method, are accepted.
func TestRecordedHeaders(t *testing.T) {
	f := newFixture(t)
	all, err := testdata.Headers()
	if err != nil || len(all) < 15 {
		t.Fatalf("%d methods, %v", len(all), err)
	}
	for path, headers := range all {
		kind, body := headers["content-type"], zip(nil)
		if kind == stream {
			body = frame(1, zip(nil))
		}
		res, data := f.post(path, kind, body, func(h http.Header) {
			clear(h)
			for k, v := range headers {
				if k != "host" && k != "transfer-encoding" && k != "content-length" {
					h.Set(k, v)
				}
			}
		})
		if code, text := answered(t, res, data); code != "" && code != "invalid_argument" {
			t.Errorf("%s: %s %s", path, code, text)
		}
	}
}

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want connect.Code
	}{
		{engine.ErrNotFound, connect.CodeNotFound},
		{engine.ErrExists, connect.CodeAlreadyExists},
		{engine.ErrInvalid, connect.CodeInvalidArgument},
		{engine.ErrBusy, connect.CodeResourceExhausted},
		{engine.ErrRunOver, connect.CodeAborted},
		{engine.ErrShutdown, connect.CodeUnavailable},
		{context.Canceled, connect.CodeUnavailable},
		{connect.NewError(connect.CodeCanceled, errors.New("x")), connect.CodeUnavailable},
		{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
		{&syscallError{syscall.ENOSPC}, connect.CodeResourceExhausted},
		{errors.New("what"), connect.CodeInternal},
	} {
		if got := connect.CodeOf(coded(fmt.Errorf("wrapped: %w", tt.err))); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	if coded(nil) != nil {
		t.Error("no error is one")
	}
}

type syscallError struct{ errno syscall.Errno }

func (e *syscallError) Error() string { return e.errno.Error() }
func (e *syscallError) Unwrap() error { return e.errno }

// broken is an engine with mistakes.
type broken struct{ Engine }

func (broken) Run(engine.RunID) (*engine.Run, error) { panic("oh no") }
func (broken) Enqueue(context.Context, *actions.Action) error {
	return errors.New("the disk is on fire")
}
func (broken) AbortRun(engine.RunID, string) error { panic(http.ErrAbortHandler) }

func TestMistakes(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *engine.Config) { c.Engine = broken{} })
	run := &workflow.GetRunDetailsRequest{RunId: f.someRun()}
	_, err := f.runs.GetRunDetails(t.Context(), connect.NewRequest(run))
	wantCode(t, "a panic", err, connect.CodeInternal, "log")
	watch, err := f.runs.WatchRunDetails(soon(f.t), connect.NewRequest(&workflow.WatchRunDetailsRequest{RunId: f.someRun()}))
	if err != nil {
		t.Fatal(err)
	}
	watch.Receive()
	wantCode(t, "a panic in a stream", watch.Err(), connect.CodeInternal)
	a := child(nil, "x")
	a.ActionId.Run = f.someRun()
	a.ParentActionName = proto.String("a0")
	wantCode(t, "an unknown error", f.enqueue(a), connect.CodeInternal, "on fire")
	if w := strings.Join(f.warned(), "\n"); strings.Count(w, "oh no") != 2 || !strings.Contains(w, "GetRunDetails") || !strings.Contains(w, "serve_test.go") || !strings.Contains(w, "on fire") {
		t.Errorf("warnings: %s", w)
	}
	if _, err := f.runs.AbortRun(t.Context(), connect.NewRequest(&workflow.AbortRunRequest{RunId: f.someRun()})); err == nil {
		t.Error("an aborted handler answers")
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an API of nothing")
	}
	f := newFixture(t, func(c *Config, _ *engine.Config) { c.User, c.Warn = "", nil })
	who, err := f.identity.UserInfo(t.Context(), connect.NewRequest(&auth.UserInfoRequest{}))
	if err != nil || who.Msg.GetName() == "" {
		t.Errorf("%v, %v", who, err)
	}
}

// Headers and first frame come at once, not when there is more to say.
func TestStreamsAreFlushed(t *testing.T) {
	f := newFixture(t)
	id := f.start()
	f.launcher.find(t, at(id, 1))
	n := f.watch(id)
	n.want(t, "sentinel")
	if _, err := f.runs.WatchRuns(soon(f.t), connect.NewRequest(&workflow.WatchRunsRequest{})); err != nil {
		t.Fatal(err) // it waited for a run
	}
}

// A signed URL has the scheme and host by which the client came.
func TestSignedURLOverTLS(t *testing.T) {
	f := newFixture(t)
	s := httptest.NewTLSServer(f.http.Config.Handler)
	defer s.Close()
	f.http.Client().Transport = s.Client().Transport
	f.http.URL = s.URL
	f.connect()
	l, err := f.locate(upload("x"))
	if err != nil || !strings.HasPrefix(l.GetSignedUrl(), "https://") || !strings.HasPrefix(l.GetSignedUrl(), s.URL+"/objects/") {
		t.Errorf("%v, %v", l, err)
	}
}
