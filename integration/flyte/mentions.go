// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"drydock/integration/flyte/objects"
)

// mentioned calls f with the keys of this store's objects and directories that
// a message of the protocol, or a plain text, names. A message's type is not
// known: each of its fields is looked into as a message and read as a text, so
// that f may be told of more than is meant, and never of less.
func mentioned(data []byte, f func(key string)) { lookInto(data, mostNested, f) }

// mostNested is how deep messages may lie in others, which is far beyond what
// the protocol's do: tasks write some of them.
const mostNested = 100

func lookInto(data []byte, depth int, f func(key string)) {
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

// texts calls f with the keys that stand in data as in a text.
func texts(data []byte, f func(key string)) {
	for rest := data; ; {
		i := bytes.Index(rest, uriScheme)
		if i < 0 {
			return
		}
		rest = rest[i:]
		end := bytes.IndexFunc(rest, func(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'`,;<>\x7f", r) })
		if end < 0 {
			end = len(rest)
		}
		if key, err := objects.ParseURI(strings.TrimRight(string(rest[:end]), "/")); err == nil {
			f(key)
		}
		rest = rest[len(uriScheme):]
	}
}

var uriScheme = []byte(objects.URI(""))
