// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"

	"gopkg.in/yaml.v3"
)

// profileLines finds the line of every section.key in a profile that was
// already read without an error.
func profileLines(path string) map[string]int {
	lines := map[string]int{}
	data, err := os.ReadFile(path)
	if err != nil {
		return lines
	}
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return lines
	}
	eachPair(doc.Content[0], func(section, body *yaml.Node) {
		eachPair(body, func(key, _ *yaml.Node) { lines[section.Value+"."+key.Value] = key.Line })
	})
	return lines
}

func eachPair(node *yaml.Node, visit func(key, value *yaml.Node)) {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		visit(node.Content[i], node.Content[i+1])
	}
}
