// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/common"
	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
)

func sum(s string) []byte {
	digest := md5.Sum([]byte(s))
	return digest[:]
}

func upload(name string, change ...func(*dataproxy.CreateUploadLocationRequest)) *dataproxy.CreateUploadLocationRequest {
	m := &dataproxy.CreateUploadLocationRequest{Project: "flytesnacks", Domain: "development", Org: "127",
		Filename: name, ContentMd5: sum("hello"), ExpiresIn: durationpb.New(900 * time.Second), AddContentMd5Metadata: true}
	for _, c := range change {
		c(m)
	}
	return m
}

func (f *fixture) locate(m *dataproxy.CreateUploadLocationRequest) (*dataproxy.CreateUploadLocationResponse, error) {
	res, err := f.data.CreateUploadLocation(f.t.Context(), connect.NewRequest(m))
	if err != nil {
		return nil, err
	}
	return res.Msg, nil
}

// send puts content to a signed URL and returns the status.
func (f *fixture) send(l *dataproxy.CreateUploadLocationResponse, content string) int {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, l.GetSignedUrl(), strings.NewReader(content))
	if err != nil {
		f.t.Fatal(err)
	}
	for k, v := range l.GetHeaders() {
		req.Header.Set(k, v)
	}
	res, err := f.http.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestUploads(t *testing.T) {
	f := newFixture(t)
	l, err := f.locate(upload("fast1.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "s3://drydock/uploads/flytesnacks/development/LVAUCKSLFJ2SUCLPSEPTQGW7SI/fast1.tar.gz"; len(l.GetNativeUrl()) != len(want) || !strings.HasSuffix(l.GetNativeUrl(), "/fast1.tar.gz") {
		t.Errorf("the place is %s", l.GetNativeUrl())
	}
	if !strings.HasPrefix(l.GetSignedUrl(), f.http.URL+"/objects/") {
		t.Errorf("%s is not below %s, where the client is", l.GetSignedUrl(), f.http.URL)
	}
	if d := time.Until(l.GetExpiresAt().AsTime()); d < 14*time.Minute || d > 15*time.Minute {
		t.Errorf("expires in %v", d)
	}
	if got := f.send(l, "other"); got/100 != 4 {
		t.Errorf("other content is taken: %d", got)
	}
	// flyte deploy does this once per environment, all at once.
	for range 3 {
		again, err := f.locate(upload("fast1.tar.gz"))
		if err != nil || again.GetNativeUrl() != l.GetNativeUrl() {
			t.Fatalf("again: %v, %v", again, err)
		}
		if got := f.send(again, "hello"); got != 200 {
			t.Errorf("PUT: %d", got)
		}
	}
	long, err := f.locate(upload("x", func(m *dataproxy.CreateUploadLocationRequest) { m.ExpiresIn = durationpb.New(240 * time.Hour) }))
	if err != nil || time.Until(long.GetExpiresAt().AsTime()) > time.Hour {
		t.Errorf("expires at %v, %v", long.GetExpiresAt().AsTime(), err)
	}
}

// A directory's files are announced by their base names, all before the first
// of them is sent.
func TestUploadOfDirectory(t *testing.T) {
	f := newFixture(t)
	root := func(content string) func(*dataproxy.CreateUploadLocationRequest) {
		return func(m *dataproxy.CreateUploadLocationRequest) { m.FilenameRoot, m.ContentMd5 = "0123abc", sum(content) }
	}
	one, err := f.locate(upload("one.txt", root("one")))
	if err != nil || one.GetNativeUrl() != "s3://drydock/uploads/flytesnacks/development/0123abc/one.txt" {
		t.Fatalf("%v, %v", one, err)
	}
	_, err = f.locate(upload("one.txt", root("another")))
	wantCode(t, "a file of the same name, before the first came", err, connect.CodeAlreadyExists, "one.txt")
	if f.send(one, "one") != 200 {
		t.Fatal("PUT failed")
	}
	_, err = f.locate(upload("one.txt", root("another")))
	wantCode(t, "a file of the same name", err, connect.CodeAlreadyExists, "one.txt")
	if _, err = f.locate(upload("one.txt", root("one"))); err != nil {
		t.Errorf("the same file again: %v", err)
	}
	if _, err := f.locate(upload("größe und mehr.txt", root("x"))); err != nil {
		t.Error(err)
	}
}

func TestUploadRefuses(t *testing.T) {
	f := newFixture(t)
	type change = func(*dataproxy.CreateUploadLocationRequest)
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", `a\b`, "a\x00b", "a\nb", strings.Repeat("x", 256)} {
		_, err := f.locate(upload(name))
		wantCode(t, fmt.Sprintf("file %.20q", name), err, connect.CodeInvalidArgument)
		if name != "" {
			_, err = f.locate(upload("x", func(m *dataproxy.CreateUploadLocationRequest) { m.FilenameRoot = name }))
			wantCode(t, fmt.Sprintf("directory %.20q", name), err, connect.CodeInvalidArgument)
		}
	}
	for what, c := range map[string]change{
		"no project":   func(m *dataproxy.CreateUploadLocationRequest) { m.Project = "" },
		"a bad domain": func(m *dataproxy.CreateUploadLocationRequest) { m.Domain = "../x" },
		"short digest": func(m *dataproxy.CreateUploadLocationRequest) { m.ContentMd5 = []byte("x") },
		"no digest":    func(m *dataproxy.CreateUploadLocationRequest) { m.ContentMd5 = nil },
		"no such size": func(m *dataproxy.CreateUploadLocationRequest) { m.ContentLength = -1 },
	} {
		_, err := f.locate(upload("x", c))
		wantCode(t, what, err, connect.CodeInvalidArgument)
	}
}

func TestPromisesExpire(t *testing.T) {
	var p promises
	now := time.Now()
	u := Upload{Expires: now.Add(time.Minute), MD5: []byte("1")}
	first, again := p.claim("k", u, now), p.claim("k", u, now)
	if other := p.claim("k", Upload{MD5: []byte("2")}, now); !first || !again || other {
		t.Errorf("one content at a time: %v, %v, %v", first, again, other)
	}
	for i := range 5000 {
		p.claim(fmt.Sprint(i), Upload{Expires: now.Add(time.Second)}, now.Add(time.Duration(i)*time.Second))
	}
	if len(p.byKey) > 2000 {
		t.Errorf("%d promises are kept", len(p.byKey))
	}
	if !p.claim("k", Upload{MD5: []byte("2")}, now.Add(time.Hour)) {
		t.Error("a promise that was not kept stands in the way")
	}
}

func TestDownloads(t *testing.T) {
	f := newFixture(t)
	l, err := f.locate(upload("fast1.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	f.send(l, "hello")
	spec := hello()
	spec.GetTaskTemplate().GetContainer().Args = []string{"a0", "--tgz", l.GetNativeUrl(), "--dest", "."}
	id := &task.TaskIdentifier{Project: "p", Domain: "d", Name: "n", Version: "v"}
	if _, err := f.tasks.DeployTask(t.Context(), connect.NewRequest(&task.DeployTaskRequest{TaskId: id, Spec: spec})); err != nil {
		t.Fatal(err)
	}
	run := f.start()
	order := f.launcher.find(t, at(run, 1)).order
	f.put(order.OutputURI+"/report.html", inputs(1))
	f.launcher.finish(t, at(run, 1), engine.End{Phase: succeeded, HasReport: true})
	ofAttempt := func(n uint32) *dataproxy.CreateDownloadLinkRequest_ActionAttemptId {
		return &dataproxy.CreateDownloadLinkRequest_ActionAttemptId{ActionAttemptId: &common.ActionAttemptIdentifier{ActionId: run, Attempt: n}}
	}
	ofTask := &dataproxy.CreateDownloadLinkRequest_TaskId{TaskId: id}
	const report, bundle = dataproxy.ArtifactType_ARTIFACT_TYPE_REPORT, dataproxy.ArtifactType_ARTIFACT_TYPE_CODE_BUNDLE
	get := func(m *dataproxy.CreateDownloadLinkRequest) (string, error) {
		res, err := f.data.CreateDownloadLink(t.Context(), connect.NewRequest(m))
		if err != nil {
			return "", err
		}
		got, err := f.http.Client().Get(res.Msg.GetPreSignedUrls().GetSignedUrl()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		body, _ := io.ReadAll(got.Body)
		return string(body), nil
	}
	if got, err := get(&dataproxy.CreateDownloadLinkRequest{ArtifactType: bundle, Source: ofTask}); got != "hello" || err != nil {
		t.Errorf("bundle: %q, %v", got, err)
	}
	if got, err := get(&dataproxy.CreateDownloadLinkRequest{ArtifactType: report, Source: ofAttempt(0)}); !bytes.Contains([]byte(got), []byte("x")) || err != nil {
		t.Errorf("report: %q, %v", got, err)
	}
	for what, tt := range map[string]struct {
		m    *dataproxy.CreateDownloadLinkRequest
		code connect.Code
	}{
		"no bundle":        {&dataproxy.CreateDownloadLinkRequest{ArtifactType: bundle, Source: ofAttempt(1)}, connect.CodeNotFound},
		"no attempt":       {&dataproxy.CreateDownloadLinkRequest{ArtifactType: report, Source: ofAttempt(5)}, connect.CodeNotFound},
		"report of a task": {&dataproxy.CreateDownloadLinkRequest{ArtifactType: report, Source: ofTask}, connect.CodeInvalidArgument},
		"of nothing":       {&dataproxy.CreateDownloadLinkRequest{ArtifactType: bundle}, connect.CodeInvalidArgument},
		"no type":          {&dataproxy.CreateDownloadLinkRequest{Source: ofTask}, connect.CodeInvalidArgument},
		"a new type":       {&dataproxy.CreateDownloadLinkRequest{ArtifactType: 99, Source: ofTask}, connect.CodeInvalidArgument},
	} {
		_, err := get(tt.m)
		wantCode(t, what, err, tt.code)
	}
}
