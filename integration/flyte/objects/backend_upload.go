// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

func (b *backend) CreateMultipartUpload(_, key string, _ map[string]string) (gofakes3.UploadID, error) {
	if err := b.checkWrite(key); err != nil {
		return "", err
	}
	id, err := b.s.beginUpload(key, objectHeaders(b.r.Header))
	return gofakes3.UploadID(id), b.fail(err)
}

// UploadPart is not reached: servePart answers.
func (b *backend) UploadPart(string, string, gofakes3.UploadID, int, int64, io.Reader) (string, error) {
	return "", gofakes3.ErrNotImplemented
}

func (b *backend) AbortMultipartUpload(_, key string, id gofakes3.UploadID) error {
	if err := b.checkWrite(key); err != nil {
		return err
	}
	return b.fail(b.s.abortUpload(key, string(id)))
}

func (b *backend) CompleteMultipartUpload(_, key string, id gofakes3.UploadID, in *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	if err := b.checkWrite(key); err != nil {
		return "", "", err
	}
	var parts []part
	for _, p := range in.Parts {
		parts = append(parts, part{p.PartNumber, unquote(p.ETag)})
	}
	// A client that gave up waiting asks again, and should then not find that
	// everything begins anew.
	etag, err := b.s.completeUpload(context.WithoutCancel(b.ctx()), key, string(id), parts)
	return "", quote(etag), b.fail(err)
}

// ListMultipartUploads ignores the delimiter: it serves people who clean up.
func (b *backend) ListMultipartUploads(_ string, marker *gofakes3.UploadListMarker, prefix gofakes3.Prefix, limit int64) (*gofakes3.ListMultipartUploadsResult, error) {
	if err := b.checkRead(prefix.Prefix); err != nil {
		return nil, err
	}
	items, err := b.uploadsBelow(prefix.Prefix)
	if err != nil {
		return nil, b.fail(err)
	}
	result := &gofakes3.ListMultipartUploadsResult{Bucket: Bucket, Prefix: prefix.Prefix, MaxUploads: limit}
	if marker != nil {
		result.KeyMarker, result.UploadIDMarker = marker.Object, marker.UploadID
		last := gofakes3.ListMultipartUploadItem{Key: marker.Object, UploadID: marker.UploadID}
		items = slices.DeleteFunc(items, func(it gofakes3.ListMultipartUploadItem) bool {
			return it.Key == last.Key && last.UploadID == "" || compareUploads(it, last) <= 0
		})
	}
	if int64(len(items)) > limit {
		items = items[:limit]
		last := items[limit-1]
		result.IsTruncated, result.NextKeyMarker, result.NextUploadIDMarker = true, last.Key, last.UploadID
	}
	result.Uploads = items
	return result, nil
}

func compareUploads(a, b gofakes3.ListMultipartUploadItem) int {
	if c := strings.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	return strings.Compare(string(a.UploadID), string(b.UploadID))
}

func (b *backend) uploadsBelow(prefix string) ([]gofakes3.ListMultipartUploadItem, error) {
	names, err := b.s.readDir(uploadsDir)
	if err != nil {
		return nil, err
	}
	var items []gofakes3.ListMultipartUploadItem
	for _, name := range names {
		u, err := b.s.readUpload(name.Name())
		if err == nil && u.Done == "" && u.Boot == bootID() && strings.HasPrefix(u.Key, prefix) {
			items = append(items, gofakes3.ListMultipartUploadItem{Key: u.Key, UploadID: gofakes3.UploadID(name.Name()), Initiated: gofakes3.NewContentTime(u.Started)})
		}
	}
	slices.SortFunc(items, compareUploads)
	return items, nil
}

func (b *backend) ListParts(_, key string, id gofakes3.UploadID, marker int, limit int64) (*gofakes3.ListMultipartUploadPartsResult, error) {
	if err := b.checkWrite(key); err != nil {
		return nil, err
	}
	if _, err := b.s.openUpload(key, string(id)); err != nil {
		return nil, b.fail(err)
	}
	items, err := b.s.parts(string(id))
	if err != nil {
		return nil, b.fail(err)
	}
	items = slices.DeleteFunc(items, func(it gofakes3.ListMultipartUploadPartItem) bool { return it.PartNumber <= marker })
	result := &gofakes3.ListMultipartUploadPartsResult{Bucket: Bucket, Key: key, UploadID: id, PartNumberMarker: marker, MaxParts: limit}
	if int64(len(items)) > limit {
		items, result.IsTruncated = items[:limit], true
		if limit > 0 {
			result.NextPartNumberMarker = items[limit-1].PartNumber
		}
	}
	result.Parts = items
	return result, nil
}

// parts lists an upload's parts in order; of those sent several times the last.
func (s *Store) parts(id string) ([]gofakes3.ListMultipartUploadPartItem, error) {
	names, err := s.readDir(uploadDir(id))
	if err != nil {
		return nil, err
	}
	latest := map[int]gofakes3.ListMultipartUploadPartItem{}
	for _, name := range names {
		text, sum, _ := strings.Cut(name.Name(), ".")
		number, err := strconv.Atoi(text)
		fi, statErr := s.root.Lstat(uploadDir(id) + "/" + name.Name())
		if err != nil || statErr != nil || fi.ModTime().Before(latest[number].LastModified.Time) {
			continue
		}
		latest[number] = gofakes3.ListMultipartUploadPartItem{PartNumber: number, ETag: quote(sum), Size: fi.Size(), LastModified: gofakes3.NewContentTime(fi.ModTime())}
	}
	var items []gofakes3.ListMultipartUploadPartItem
	for _, it := range latest {
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b gofakes3.ListMultipartUploadPartItem) int { return a.PartNumber - b.PartNumber })
	return items, nil
}
