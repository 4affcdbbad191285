// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"

	"drydock/integration/flyte/objects"
)

// mentioned calls f with what follows the beginning of a URI of this store, for
// each that a message of the protocol, or a plain text, holds. Where the URI
// ends is not known: a text may go on with anything, and so do the bytes of a
// dataclass (MessagePack). Nor is a message's type: each of its fields is looked
// into as a message and read as a text, so that f may be told of more than is
// meant, and never of less.
func mentioned(data []byte, f func(rest string)) { lookInto(data, mostNested, f) }

// mostNested is how deep messages may lie in others, which is far beyond what
// the protocol's do: tasks write some of them.
const mostNested = 100

func lookInto(data []byte, depth int, f func(rest string)) {
	if depth == 0 || !bytes.Contains(data, uriScheme) {
		return
	}
	texts(data, f)
	for rest := data; len(rest) > 0; {
		_, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return
		}
		rest = rest[n:]
		if n = protowire.ConsumeFieldValue(1, kind, rest); n < 0 {
			return
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(rest)
			lookInto(value, depth-1, f)
		}
		rest = rest[n:]
	}
}

// mostKey is the longest key (S3's limit).
const mostKey = 1024

func texts(data []byte, f func(rest string)) {
	for {
		_, rest, found := bytes.Cut(data, uriScheme)
		if !found {
			return
		}
		f(string(rest[:min(len(rest), mostKey)]))
		data = rest
	}
}

var uriScheme = []byte(objects.URI(""))
