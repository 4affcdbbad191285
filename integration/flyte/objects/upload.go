// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A multipart upload is a directory. Each part is a file named by its number
// and MD5, so the list of parts with which a client completes an upload names
// the files exactly, and a part that is sent again disturbs nothing.
//
// Parts are not synced one by one: they are about to be copied, and a client
// that could go on after the machine went down does not exist. Instead an
// upload belongs to one boot of the machine. It does outlive this process.

const (
	uploadFile = "upload.json"
	maxPart    = 10000 // S3's highest part number
)

type upload struct {
	Key         string            `json:"key"`
	Started     time.Time         `json:"started"`
	Boot        string            `json:"boot"`
	ContentType string            `json:"contentType,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	// Done is the ETag of the completed object. It is kept for clients that
	// did not get the answer and complete the upload again.
	Done string `json:"done,omitempty"`
}

// part is one of an upload's, as a client names it.
type part struct {
	number int
	md5    string // hex
}

func (p part) file() string { return strconv.Itoa(p.number) + "." + p.md5 }

func uploadDir(id string) string { return uploadsDir + "/" + id }

// bootID names the present boot of the machine.
var bootID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it all boots are one
	return strings.TrimSpace(string(id))
})

// beginUpload returns a new upload's id.
func (s *Store) beginUpload(key string, opts PutOptions) (id string, err error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	s.sweepNowAndThen()
	id = strings.ToLower(rand.Text())
	if err := s.root.Mkdir(uploadDir(id), privateDir); err != nil {
		return "", wrote(err)
	}
	err = s.writeUpload(id, upload{Key: key, Started: s.opts.Now(), Boot: bootID(), ContentType: opts.ContentType, Headers: opts.Headers})
	if err != nil {
		s.dropUpload(id)
		return "", err
	}
	return id, nil
}

// readUpload returns errNoUpload for ids that are none.
func (s *Store) readUpload(id string) (upload, error) {
	if id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return upload{}, errNoUpload
	}
	data, err := s.root.ReadFile(uploadDir(id) + "/" + uploadFile)
	if errors.Is(err, fs.ErrNotExist) {
		return upload{}, errNoUpload
	}
	if err != nil {
		return upload{}, err
	}
	var u upload
	if err := json.Unmarshal(data, &u); err != nil {
		return upload{}, fmt.Errorf("upload %s: %w", id, err)
	}
	return u, nil
}

func (s *Store) writeUpload(id string, u upload) error {
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return s.writeFile(uploadDir(id)+"/"+uploadFile, data)
}

// openUpload returns an upload of this key that is still under way.
func (s *Store) openUpload(key, id string) (upload, error) {
	u, err := s.readUpload(id)
	if err == nil && (u.Key != key || u.Boot != bootID() || u.Done != "") {
		err = errNoUpload
	}
	return u, err
}

func (s *Store) dropUpload(id string) error {
	return s.root.RemoveAll(uploadDir(id))
}

// putPart stores one part and returns its MD5 in hex, which is its ETag.
func (s *Store) putPart(ctx context.Context, key, id string, number int, r io.Reader, opts PutOptions) (string, error) {
	if number < 1 || number > maxPart {
		return "", fmt.Errorf("%w: part numbers go from 1 to %d", errPart, maxPart)
	}
	if _, err := s.openUpload(key, id); err != nil {
		return "", err
	}
	t, err := s.newTemp()
	if err != nil {
		return "", err
	}
	defer t.discard()
	digest, err := s.receive(ctx, t, r, opts, nil)
	if err != nil {
		return "", err
	}
	p := part{number, hex.EncodeToString(digest)}
	err = s.root.Rename(t.path, uploadDir(id)+"/"+p.file())
	if errors.Is(err, fs.ErrNotExist) { // aborted meanwhile
		return "", errNoUpload
	}
	if err != nil {
		return "", wrote(err)
	}
	t.renamed()
	return p.md5, nil
}

// abortUpload removes an upload and its parts.
func (s *Store) abortUpload(key, id string) error {
	defer s.uploads.of(id)()
	if _, err := s.openUpload(key, id); err != nil {
		return err
	}
	return s.dropUpload(id)
}
