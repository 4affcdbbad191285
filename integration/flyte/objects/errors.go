// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// What callers may want to tell apart; test with errors.Is. The texts are for
// people.
var (
	ErrNotFound   = errors.New("no such object")
	ErrInvalidKey = errors.New("invalid key")
	ErrInvalidURI = errors.New("not a URI of this store")
	// ErrExists says that PutOptions.IfAbsent found an object.
	ErrExists = errors.New("the object exists already")
	// ErrDigest says that the bytes are not those that the caller announced.
	ErrDigest = errors.New("the content does not have the announced digest")
	// ErrIncomplete says that there were fewer or more bytes than announced.
	ErrIncomplete = errors.New("the content does not have the announced size")
	ErrTooLarge   = errors.New("the object is too large")
	// ErrNoSpace says that the disk is full, or the quota used up. Nothing of
	// what was being written remains.
	ErrNoSpace = errors.New("no space left for objects")
	// ErrInUse says that another Store, in this process or another one, has
	// the directory open.
	ErrInUse = errors.New("the object store is in use")

	errNoUpload  = errors.New("no such multipart upload")
	errPart      = errors.New("no such part, or it has another ETag")
	errPartOrder = errors.New("the parts are not in ascending order")
	errChanged   = errors.New("the object has another ETag")
	errDenied    = errors.New("access denied")
)

// wrote gives a failed write the error that says what to do about it.
func wrote(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// absent tells that a path leads nowhere, either because nothing is there or
// because an object stands where a directory would have to be.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// absentObject tells that an operation on an object did not find it, or found
// a file under a name that is no key's.
func absentObject(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalidKey)
}
