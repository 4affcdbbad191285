// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeInitrd writes the initial file system: the agent as /init, the modules,
// and the order in which to load them. It is small, and not compressed because
// an emulated processor takes longer to unpack than to read.
func writeInitrd(path, agent string, modules []string) error {
	var a archive
	for _, dir := range []string{"dev", "proc", "sys", "root", "modules"} {
		a.add(dir, 0o040755, nil)
	}
	var order strings.Builder
	for _, file := range modules {
		if err := a.addFile("modules/"+filepath.Base(file), file, 0o100644); err != nil {
			return err
		}
		fmt.Fprintln(&order, filepath.Base(file))
	}
	a.add("modules/order", 0o100644, []byte(order.String()))
	if err := a.addFile("init", agent, 0o100755); err != nil {
		return err
	}
	a.add("TRAILER!!!", 0, nil)
	return os.WriteFile(path, a.Bytes(), 0o644)
}

// archive is a cpio archive in the only format that Linux unpacks, "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	bytes.Buffer
	inode int
}

func (a *archive) addFile(name, path string, mode int) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	a.add(name, mode, content)
	return nil
}

func (a *archive) add(name string, mode int, content []byte) {
	a.inode++
	const links = 1
	fmt.Fprintf(a, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.WriteString(name + "\x00")
	a.pad()
	a.Write(content)
	a.pad()
}

func (a *archive) pad() {
	for a.Len()%4 != 0 {
		a.WriteByte(0)
	}
}
