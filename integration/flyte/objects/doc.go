// SPDX-License-Identifier: Apache-2.0

// Package objects is the object storage of drydock's Flyte endpoint: one bucket
// over plain files, and the HTTP by which the Flyte SDK's own client and its
// users reach it.
//
//	<dir>/objects/…      the objects; an ordinary key is its own path
//	<dir>/meta/…         what is known of each object besides its bytes
//	<dir>/uploads/<id>/  the parts of multipart uploads under way
//	<dir>/tmp/           what is being written
//	<dir>/keys.json      the key pair and the master secret, the owner's alone
//	<dir>/lock           held while a Store is open
//
// An object appears whole or not at all: its bytes are written to a file of
// tmp, synced, and renamed. Content type, ETag and MD5 are kept in a file of
// their own (record.go says how the two stay together) and not in extended
// attributes, so that an ordinary copy of the directory is a copy of the store.
// Bodies are streamed; memory does not grow with the size of objects.
//
// Begin with Open. S3Handler serves the subset of S3 that the SDK needs,
// SignedHandler the URLs that SignUpload and SignDownload make. How a key
// becomes a path is internal/keypath's, how a request is authenticated
// internal/sigv4's.
package objects
