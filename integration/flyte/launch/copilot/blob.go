// SPDX-License-Identifier: Apache-2.0

package copilot

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/objects"
)

// pageSize is how many objects of a directory are asked for at a time.
const pageSize = 1000

// blob writes a file or a directory and returns where it lies below the root.
func (l layer) blob(b *core.Blob, at place) (string, error) {
	key, err := objects.ParseURI(strings.TrimSuffix(b.GetUri(), "/"))
	if err != nil {
		return "", &unfit{fmt.Sprintf("its data is at %s, and drydock brings only what lies in its own storage (s3://%s/…); pass a File or Dir that a run here made, or let the program fetch it",
			b.GetUri(), objects.Bucket)}
	}
	if b.GetMetadata().GetType().GetDimensionality() == core.BlobType_MULTIPART {
		return at.path, l.directory(key, at.path)
	}
	name := at.path
	if l.named { // flytecopilot's fileconfig.go: the name that the file had
		if name, err = l.ownName(path.Base(key), at); err != nil {
			return "", err
		}
	}
	return name, l.file(key, name)
}

// ownName is where a file that keeps its name goes: into a directory of its
// variable's, or into its list's, where a second one of that name is told apart
// by a number in front.
func (l layer) ownName(base string, at place) (string, error) {
	if at.used == nil {
		return path.Join(at.path, base), l.root.Mkdir(at.path, 0o777)
	}
	name := base
	for n := 1; at.used[name]; n++ {
		name = fmt.Sprintf("%d_%s", n, base)
	}
	at.used[name] = true
	return path.Join(path.Dir(at.path), name), nil
}

func (l layer) file(key, name string) error {
	content, _, err := l.store.Get(l.ctx, key)
	if errors.Is(err, objects.ErrNotFound) {
		return &unfit{fmt.Sprintf("its data %s is not there any more; run again what made it", objects.URI(key))}
	}
	if err != nil {
		return err
	}
	defer content.Close()
	return l.copyTo(name, content)
}

// directory writes all objects below a key, in the directories that their keys
// name.
func (l layer) directory(key, name string) error {
	if err := l.root.Mkdir(name, 0o777); err != nil {
		return err
	}
	prefix, after := key+"/", ""
	for more := true; more; {
		list, rest, err := l.store.List(l.ctx, prefix, after, pageSize)
		if err != nil {
			return err
		}
		more = rest && len(list) > 0
		for _, info := range list {
			after = info.Key
			target := path.Join(name, strings.TrimPrefix(info.Key, prefix))
			if err := l.root.MkdirAll(path.Dir(target), 0o777); err != nil {
				return err
			}
			if err := l.file(info.Key, target); err != nil {
				return err
			}
		}
	}
	return nil
}
