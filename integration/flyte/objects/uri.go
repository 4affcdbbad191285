// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"strings"

	"drydock/integration/flyte/objects/internal/keypath"
)

// Bucket is the name of the store's one bucket.
const Bucket = "drydock"

const uriPrefix = "s3://" + Bucket + "/"

// URI returns how the SDK names the object: s3://drydock/<key>, the key as it
// is. SDK and storage clients do not percent-encode it either.
func URI(key string) string { return uriPrefix + key }

// ParseURI returns the key in a URI of this store, or an error that wraps
// ErrInvalidURI and names what is wrong with it.
func ParseURI(uri string) (key string, err error) {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found || scheme != "s3" {
		return "", fmt.Errorf("%w: %q does not begin with %s", ErrInvalidURI, uri, uriPrefix)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket != Bucket {
		return "", fmt.Errorf("%w: %q names the bucket %q, and there is only %q here", ErrInvalidURI, uri, bucket, Bucket)
	}
	if err := keypath.Check(key); err != nil {
		return "", fmt.Errorf("%w: %q: %w", ErrInvalidURI, uri, err)
	}
	return key, nil
}

// checkKey returns an error that wraps ErrInvalidKey unless an object may have
// this key.
func checkKey(key string) error {
	if err := keypath.Check(key); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return nil
}

// objectPath is where the object's file is, or would be if nothing else stood
// there.
func objectPath(key string) string { return objectsDir + "/" + keypath.Encode(key) }
