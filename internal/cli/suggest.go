// SPDX-License-Identifier: Apache-2.0

package cli

import "strings"

// nearest is the one of words that a mistyped word most likely meant, or "":
// the one that it begins, or else the most like it.
func nearest(word string, words []string) string {
	var begun []string
	for _, w := range words {
		if len(word) > 1 && strings.HasPrefix(w, word) {
			begun = append(begun, w)
		}
	}
	if len(begun) == 1 {
		return begun[0]
	}
	best, found := len(word)/3+2, "" // a third of the letters may be wrong
	for _, w := range words {
		if w == "" || len(w) == 1 {
			continue
		}
		if d := editDistance(word, w); d < best {
			best, found = d, w
		}
	}
	return found
}

// otherWords are what other tools call drydock's commands.
var otherWords = map[string]string{
	"history": "ps -a", "list": "ps", "ls": "ps", "stats": "top", "serve": "up", "rm": "prune",
	"cancel": "stop", "abort": "stop", "show": "inspect", "describe": "inspect", "retry": "rerun",
	"exec": "attach", "gpus": "devices", "check": "doctor", "settings": "config",
}

// editDistance is the number of letters to insert, drop, replace or swap with
// their neighbour to make b of a.
func editDistance(a, b string) int {
	two := make([]int, len(b)+1)
	one := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}

// dashed writes a flag's name as a person types it.
func dashed(name string) string {
	name = strings.TrimLeft(name, "-")
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
