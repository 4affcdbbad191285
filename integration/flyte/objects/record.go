// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"
)

// Info describes an object.
type Info struct {
	Key  string
	Size int64 // bytes
	// ETag is without quotes: the MD5 in hex, or for an object uploaded in
	// parts another digest, a dash and the number of parts.
	ETag string
	// MD5 is of the content, 16 bytes; nil for an object uploaded in parts,
	// whose content nobody read as a whole.
	MD5         []byte
	ContentType string            // as given to Put; may be empty
	Headers     map[string]string // see PutOptions.Headers
	ModTime     time.Time
}

// A record is what is known of one content of an object besides its bytes.
//
// Bytes and record are two files and cannot be replaced in one step. So a
// record says which bytes it is about, by size and modification time, and the
// file of records is replaced first, with both the coming and the present one
// in it. The rename of the bytes then decides which of them is true, and a
// crash between the two leaves nothing to repair.
//
// A copy of the directory that lost the modification times has records that
// match nothing. Such an object is read once, and keeps the record whose MD5 it
// has.
type record struct {
	Size        int64             `json:"size"`
	ModTime     int64             `json:"mtime"` // Unix nanoseconds
	ETag        string            `json:"etag"`
	MD5         string            `json:"md5,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
}

type records struct {
	Key     string   `json:"key"`
	Records []record `json:"records"` // newest first
}

func (r record) info(key string) Info {
	sum, _ := hex.DecodeString(r.MD5)
	if len(sum) == 0 {
		sum = nil
	}
	return Info{Key: key, Size: r.Size, ETag: r.ETag, MD5: sum, ContentType: r.ContentType, Headers: r.Headers, ModTime: time.Unix(0, r.ModTime)}
}

func (r record) about(fi fs.FileInfo) bool {
	return r.Size == fi.Size() && r.ModTime == fi.ModTime().UnixNano()
}

// of returns the record about the file that fi describes.
func (r records) of(fi fs.FileInfo) (record, bool) {
	i := slices.IndexFunc(r.Records, func(r record) bool { return r.about(fi) })
	if i < 0 {
		return record{}, false
	}
	return r.Records[i], true
}

// recordsPath is flat and of one length, unlike the object's: nobody reads
// these by name, and no two keys get in each other's way.
func recordsPath(key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return metaDir + "/" + name[:2] + "/" + name + ".json"
}

// readRecords returns none where there is no file, or an unreadable one: what
// is not known is found out again.
func (s *Store) readRecords(key string) records {
	data, err := s.root.ReadFile(recordsPath(key))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.opts.Log.Error("object record", "key", key, "error", err)
		}
		return records{}
	}
	var r records
	if err := json.Unmarshal(data, &r); err != nil || r.Key != key {
		s.opts.Log.Error("object record is damaged", "key", key, "file", recordsPath(key), "error", err)
		return records{}
	}
	return r
}

// writeRecords replaces the object's records, durably. The caller holds the
// object's lock.
func (s *Store) writeRecords(key string, all ...record) error {
	data, err := json.Marshal(records{Key: key, Records: all})
	if err != nil {
		return err
	}
	return s.writeFile(recordsPath(key), data)
}

// adopt finds out what a file that no record is about has to say for itself.
// The caller holds the object's lock.
func (s *Store) adopt(key string, f io.Reader, fi fs.FileInfo, known records) (record, error) {
	h := md5.New()
	if _, err := io.Copy(h, f); err != nil {
		return record{}, err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	r := record{ETag: sum, MD5: sum}
	for _, k := range known.Records {
		// Of an upload in parts no MD5 is known, so the size has to do.
		if k.Size == fi.Size() && (k.MD5 == sum || k.MD5 == "") {
			r = k
			break
		}
	}
	r.Size, r.ModTime = fi.Size(), fi.ModTime().UnixNano()
	if err := s.writeRecords(key, r); err != nil {
		s.opts.Log.Error("object record", "key", key, "error", err)
	}
	return r, nil
}
