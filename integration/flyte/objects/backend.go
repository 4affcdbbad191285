// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/johannesboyne/gofakes3"

	"drydock/integration/flyte/objects/internal/keypath"
)

// A backend is what the library reaches the store through, for one request. It
// is here, at the operations themselves, that access is checked: what the
// library makes of a header or a document cannot differ from what was checked.
type backend struct {
	s      *Store
	r      *http.Request
	a      access
	status int // of the last error that fail returned
}

var (
	_ gofakes3.Backend          = (*backend)(nil)
	_ gofakes3.MultipartBackend = (*backend)(nil)
)

// fail makes an error one of the library's.
func (b *backend) fail(err error) error {
	if err == nil {
		return nil
	}
	e := b.s.explain(err)
	b.status = e.status
	return gofakes3.ErrorMessage(gofakes3.ErrorCode(e.code), e.message)
}

func (b *backend) ctx() context.Context { return b.r.Context() }

func (b *backend) checkRead(key string) error {
	if !b.a.mayRead(key) {
		return b.fail(fmt.Errorf("%w: this key pair may not read %q", errDenied, key))
	}
	return nil
}

func (b *backend) checkWrite(key string) error {
	if !b.a.mayWrite(key) {
		return b.fail(fmt.Errorf("%w: this key pair may not write %q", errDenied, key))
	}
	return nil
}

func (b *backend) ListBuckets() ([]gofakes3.BucketInfo, error) {
	fi, err := b.s.root.Stat(keysFile) // made with the store
	if err != nil {
		return nil, b.fail(err)
	}
	return []gofakes3.BucketInfo{{Name: Bucket, CreationDate: gofakes3.NewContentTime(fi.ModTime())}}, nil
}

func (b *backend) BucketExists(name string) (bool, error) { return name == Bucket, nil }

func (b *backend) CreateBucket(name string) error {
	if name == Bucket {
		return gofakes3.ResourceError(gofakes3.ErrBucketAlreadyExists, name)
	}
	return b.fail(fmt.Errorf("%w: there is one bucket", errDenied))
}

func (b *backend) DeleteBucket(string) error {
	return b.fail(fmt.Errorf("%w: the bucket stays", errDenied))
}

func (b *backend) ForceDeleteBucket(name string) error { return b.DeleteBucket(name) }

func (b *backend) ListBucket(_ string, prefix *gofakes3.Prefix, p gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if err := b.checkRead(prefix.Prefix); err != nil {
		return nil, err
	}
	page, err := b.s.page(b.ctx(), query{prefix: prefix.Prefix, delimiter: prefix.Delimiter, after: p.Marker, max: int(p.MaxKeys)})
	if err != nil {
		return nil, b.fail(err)
	}
	list := gofakes3.NewObjectList()
	for _, it := range page.items {
		if it.common != "" {
			list.AddPrefix(it.common)
			continue
		}
		list.Add(&gofakes3.Content{Key: it.info.Key, LastModified: gofakes3.NewContentTime(it.info.ModTime), ETag: quote(it.info.ETag), Size: it.info.Size})
	}
	if page.more {
		list.IsTruncated, list.NextMarker = true, page.items[len(page.items)-1].name()
	}
	return list, nil
}

// GetObject is not reached: serveObject answers.
func (b *backend) GetObject(string, string, *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	return nil, gofakes3.ErrNotImplemented
}

// HeadObject is asked about the source of a copy.
func (b *backend) HeadObject(bucket, key string) (*gofakes3.Object, error) {
	if bucket != Bucket {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	if err := b.checkRead(key); err != nil {
		return nil, err
	}
	if _, err := b.s.Stat(b.ctx(), key); err != nil {
		return nil, b.fail(err)
	}
	return &gofakes3.Object{Name: key, Contents: http.NoBody}, nil
}

func (b *backend) CopyObject(srcBucket, srcKey, _, dstKey string, _ map[string]string) (gofakes3.CopyObjectResult, error) {
	var none gofakes3.CopyObjectResult
	if srcBucket != Bucket {
		return none, gofakes3.BucketNotFound(srcBucket)
	}
	if err := b.checkRead(srcKey); err != nil {
		return none, err
	}
	if err := b.checkWrite(dstKey); err != nil {
		return none, err
	}
	opts, err := b.options()
	if err != nil {
		return none, b.fail(err)
	}
	info, err := b.s.copyObject(b.ctx(), srcKey, dstKey, opts, b.r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE")
	if err != nil {
		return none, b.fail(err)
	}
	return gofakes3.CopyObjectResult{ETag: quote(info.ETag), LastModified: gofakes3.NewContentTime(info.ModTime)}, nil
}

// PutObject's input is the body beside the library's own MD5, so the content is
// hashed once.
func (b *backend) PutObject(_, key string, _ map[string]string, input io.Reader, size int64, _ *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	var none gofakes3.PutObjectResult
	if err := b.checkWrite(key); err != nil {
		return none, err
	}
	opts, err := b.options()
	if err != nil {
		return none, b.fail(err)
	}
	opts.Size = size
	sum, _ := input.(digester)
	_, err = b.s.put(b.ctx(), key, input, opts, sum)
	return none, b.fail(err)
}

// options reads what the request says about the object that it makes.
func (b *backend) options() (PutOptions, error) {
	opts := objectHeaders(b.r.Header)
	switch condition := b.r.Header.Get("If-None-Match"); condition {
	case "":
	case "*":
		opts.IfAbsent = true
	default:
		return opts, notImplemented("If-None-Match is supported with * only")
	}
	opts.IfMatch = unquote(b.r.Header.Get("If-Match"))
	return opts, nil
}

func (b *backend) DeleteObject(_, key string) (gofakes3.ObjectDeleteResult, error) {
	var none gofakes3.ObjectDeleteResult
	if err := b.checkWrite(key); err != nil {
		return none, err
	}
	return none, b.fail(b.s.Delete(b.ctx(), key))
}

func (b *backend) DeleteMulti(_ string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var result gofakes3.MultiDeleteResult
	if len(keys) > 1000 {
		return result, b.fail(badRequest("MalformedXML", "At most 1000 keys can be deleted at once"))
	}
	for _, key := range keys {
		if _, err := b.DeleteObject(Bucket, key); err != nil {
			e := gofakes3.ErrorResultFromError(err)
			e.Key = printable(key)
			result.Error = append(result.Error, e)
			continue
		}
		result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
	}
	return result, nil
}

// printable cuts off what cannot be a key, so that answers stay small.
func printable(key string) string { return key[:min(len(key), keypath.MaxKey)] }
