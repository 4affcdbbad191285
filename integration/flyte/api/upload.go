// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base32"
	"path"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"drydock/integration/flyte/flyteidl2/dataproxy"
	"drydock/integration/flyte/flyteidl2/task"
)

// dataService is where code, inputs, outputs and logs are left and fetched.
type dataService struct{ *server }

const (
	defaultExpiry = 15 * time.Minute
	maxExpiry     = time.Hour // as Flyte's own server allows
)

// CreateUploadLocation says where a file may be left. The place is named
// after the file's content, or after a directory's name that the client made
// up: the same file twice is the same place, another file of the same name in
// the same directory is refused.
func (s dataService) CreateUploadLocation(ctx context.Context, req *connect.Request[dataproxy.CreateUploadLocationRequest]) (*connect.Response[dataproxy.CreateUploadLocationResponse], error) {
	m := req.Msg
	dir, err := uploadDir(m)
	if err != nil {
		return nil, err
	}
	if err := s.Registry.Touch(m.GetProject(), m.GetDomain()); err != nil {
		return nil, err
	}
	now := s.Now()
	upload := Upload{Expires: now.Add(expiry(m.GetExpiresIn())), MD5: m.GetContentMd5(), Size: m.GetContentLength()}
	key := path.Join("uploads", m.GetProject(), m.GetDomain(), dir, m.GetFilename())
	if err := s.claim(ctx, key, upload); err != nil {
		return nil, err
	}
	url, headers, err := s.Objects.SignUpload(baseURL(ctx), key, upload)
	if err != nil {
		return nil, invalid("%w", err) // the key or the Host header
	}
	return connect.NewResponse(&dataproxy.CreateUploadLocationResponse{
		SignedUrl: url, NativeUrl: s.Objects.URI(key), ExpiresAt: timestamppb.New(upload.Expires), Headers: headers}), nil
}

// uploadDir checks what is to be uploaded and names the directory for it.
func uploadDir(m *dataproxy.CreateUploadLocationRequest) (string, error) {
	err := first(checkScope(m.GetProject(), m.GetDomain()), checkText("file name", m.GetFilename()))
	digest := m.GetContentMd5()
	if len(digest) != 0 && len(digest) != md5.Size {
		err = first(err, invalid("an MD5 digest has %d bytes, not %d", md5.Size, len(digest)))
	}
	if m.GetContentLength() < 0 {
		err = first(err, invalid("a file cannot have %d bytes", m.GetContentLength()))
	}
	if dir := m.GetFilenameRoot(); dir != "" {
		return dir, first(err, checkText("directory name", dir))
	}
	if len(digest) == 0 {
		err = first(err, invalid("an upload needs the file's MD5 digest or a directory name"))
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(digest), err
}

func expiry(asked *durationpb.Duration) time.Duration {
	if d := asked.AsDuration(); asked.IsValid() && d > 0 {
		return min(d, maxExpiry)
	}
	return defaultExpiry
}

// claim refuses a place where another content is, or is about to come.
func (s *server) claim(ctx context.Context, key string, u Upload) error {
	digest, err := s.Objects.MD5(ctx, key)
	if err != nil && !isAbsent(err) {
		return err
	}
	if err == nil && !bytes.Equal(digest, u.MD5) || !s.uploads.claim(key, u, s.Now()) {
		return exists("another file %s is there already, with other content", path.Base(key))
	}
	return nil
}

// promises are the uploads that were announced and may still come. The SDK
// announces all files of a directory before it sends the first, by their base
// names only.
type promises struct {
	mu    sync.Mutex
	byKey map[string]Upload
	sweep int // entries at which the expired ones are thrown out
}

// claim notes an upload; false when another one with other content is due.
func (p *promises) claim(key string, u Upload, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byKey == nil {
		p.byKey = map[string]Upload{}
	}
	if old, ok := p.byKey[key]; ok && now.Before(old.Expires) && !bytes.Equal(old.MD5, u.MD5) {
		return false
	}
	if len(p.byKey) >= max(p.sweep, 1000) {
		for k, old := range p.byKey {
			if !now.Before(old.Expires) {
				delete(p.byKey, k)
			}
		}
		p.sweep = 2 * len(p.byKey)
	}
	p.byKey[key] = u
	return true
}

// UploadInputs stores a run's inputs before the run is made.
func (s dataService) UploadInputs(ctx context.Context, req *connect.Request[dataproxy.UploadInputsRequest]) (*connect.Response[dataproxy.UploadInputsResponse], error) {
	m := req.Msg
	id, err := s.newRunID(m.GetRunId(), m.GetProjectId())
	if err != nil {
		return nil, err
	}
	var spec *task.TaskSpec
	switch t := m.GetTask().(type) {
	case *dataproxy.UploadInputsRequest_TaskSpec:
		spec = t.TaskSpec
	case *dataproxy.UploadInputsRequest_TaskId:
		details, err := s.deployed(t.TaskId)
		if err != nil {
			return nil, err
		}
		spec = details.GetSpec()
	}
	if err := s.Registry.Touch(id.Project, id.Domain); err != nil {
		return nil, err
	}
	in := m.GetInputs()
	if in == nil {
		in = &task.Inputs{}
	}
	stored, err := s.storeInputs(ctx, path.Join(s.baseDir(m.GetBaseDir()), id.Project, id.Domain), in, spec)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&dataproxy.UploadInputsResponse{OffloadedInputData: stored}), nil
}

// baseDir is the key of a directory that a client wants its inputs below, ""
// for one that is not in this store.
func (s *server) baseDir(uri string) string {
	if uri == "" {
		return ""
	}
	// The store knows keys of objects: ask for one that would lie there.
	key, err := s.Objects.Key(strings.TrimRight(uri, "/") + "/" + inputsFile)
	if err != nil {
		return ""
	}
	return path.Dir(key)
}
